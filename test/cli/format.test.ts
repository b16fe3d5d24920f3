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

const document2 = {
  Tags: ['b', 'a'],
  Empty: [],
  Layers: [
    { Name: 'app', Size: 5 },
    { Name: 'base', Size: 0 },
  ],
  Labels: { z: '1', a: '2' },
  Null: null,
}

const templates: [format: string, expected: string][] = [
  ['json', JSON.stringify(document2)],
  ['{{len .Tags}} {{len .Labels}}', '2 2'],
  ['{{index .Tags 1}}', 'a'],
  ['{{index .Labels "z"}}', '1'],
  ['{{(index .Layers 0).Name}}', 'app'],
  ['{{join .Tags ", "}}', 'b, a'],
  ['{{range .Layers}}{{.Name}}={{.Size}};{{end}}', 'app=5;base=0;'],
  ['{{range .Layers}}{{if .Size}}{{.Name}}{{else}}-{{end}}{{end}}', 'app-'],
  ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
  ['{{range .Labels}}{{.}}{{end}}', '21'],
  ['{{range .Tags}}{{$.Labels.a}}{{end}}', '22'],
  ['{{with .Labels}}{{.a}}{{end}}', '2'],
  ['{{if eq .Labels.a "2"}}yes{{else if .Null}}null{{else}}no{{end}}', 'yes'],
  ['{{if .Null}}x{{else if .Tags}}tags{{else}}no{{end}}', 'tags'],
  ['{{.Tags | json}}', '["b","a"]'],
  ['{{json .Tags | len}}', '9'],
  ['{{.Labels.a | println "of" | upper}}', 'OF 2\n'],
  ['a {{- .Labels.a -}} b', 'a2b'],
  ['{{"{{"}} {{`}}`}}', '{{ }}'],
  ['{{/* words */}}x', 'x'],
  ['{{.Null}}', 'null'],
  ['{{not .Null}} {{or .Null .Labels.a}} {{and .Tags .Empty}}', 'true 2 []'],
]
for (const [format, expected] of templates) {
  test(`template ${format}`, () => assert.equal(formatDocument(format, document2), expected))
}

const bad: [format: string, words: RegExp][] = [
  ['{{.Nothing}}', /no Nothing in the document, which has GraphDriver, Pid, Options$/],
  ['{{.GraphDriver.Data.Uper}}', /no Uper in GraphDriver\.Data, which has UpperDir, LowerDir$/],
  ['Pid.x', /no x in Pid$/],
  ['{{range .Options}}', /an {{end}} is missing/],
  ['{{.Pid', /braces that are not closed/],
  ['.Pid}}', /braces that are not closed, or not opened/],
  ['{.Pid}', /is not a path/],
  ['{{}}', /cannot be read/],
  ['{{.Pid}} {{end}}', /{{end}} has nothing to end/],
  ['{{if .Pid}}{{else}}{{else}}{{end}}', /second {{else}}/],
  ['{{frob .Pid}}', /frob is no function: there are and, eq, /],
  ['{{.Pid .Options}}', /cannot be read/],
  ['{{.Pid | .Options}}', /after \| there has to be a function/],
  ['{{(.Pid}}', /lacks a \)/],
  ['{{.Pid)}}', /\) too many/],
  ['{{index .Options 2}}', /index 2 is not in a list of 2/],
  ['{{len .Pid}}', /len of 12, which has no length/],
  ['{{json}}', /json takes 1 values, not 0/],
  ['{{.Pid & 1}}', /cannot be read at & 1/],
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
