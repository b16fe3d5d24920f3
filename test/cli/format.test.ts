/** `--format` by a table: Go-template paths, plain paths, text around them, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDocument } from '../../src/cli/terminal/format.js'

const document = {
  GraphDriver: { Name: 'stratafs', Data: { UpperDir: '/u', LowerDir: '/a:/b' } },
  Pid: 12,
  Options: ['x', 'y'],
}

const good: [format: string, expected: string][] = [
  ['{{.GraphDriver.Data.UpperDir}}', '/u'],
  ['{{ .GraphDriver.Data.UpperDir }}', '/u'],
  ['{{.GraphDriver.Name}} on {{.GraphDriver.Data.LowerDir}}!', 'stratafs on /a:/b!'],
  ['GraphDriver.Data.UpperDir', '/u'],
  ['.GraphDriver.Data.UpperDir', '/u'],
  ['$.GraphDriver.Data.UpperDir', '/u'],
  ['{{.Pid}}', '12'],
  ['{{json .Pid}}', '12'],
  ['{{json .GraphDriver.Name}}', '"stratafs"'],
  ['{{.Options}}', '["x","y"]'],
  ['Options[1]', 'y'],
  ['{{.Options.0}}', 'x'],
  ['{{json .GraphDriver.Data}}', '{"UpperDir":"/u","LowerDir":"/a:/b"}'],
  ['{{json .}}', JSON.stringify(document)],
  ['.', JSON.stringify(document)],
]
for (const [format, expected] of good) {
  test(`format ${format}`, () => assert.equal(formatDocument(format, document), expected))
}

const bad: [format: string, words: RegExp][] = [
  ['{{.Nothing}}', /no Nothing in the document, which has GraphDriver, Pid, Options$/],
  ['{{.GraphDriver.Data.Uper}}', /no Uper in GraphDriver\.Data, which has UpperDir, LowerDir$/],
  ['Pid.x', /no x in Pid$/],
  ['{{range .Options}}', /is not a path/],
  ['{{.constructor}}', /no constructor/],
  ['a b', /is not a path/],
]
for (const [format, expected] of bad) {
  test(`format refused: ${format}`, () => {
    const result = formatDocument(format, document)
    assert.ok(typeof result === 'object')
    assert.match(result.error, expected)
  })
}
