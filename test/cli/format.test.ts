/** `--format` by a table: Go-template paths, plain paths, text around them, and what is refused. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { formatDocument, formatRows } from '../../src/cli/terminal/format.js'
import { notInstalled } from '../tools/installed.js'

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
  ['{{.Options}}', '[x y]'],
  ['Options', '["x","y"]'],
  ['{{.GraphDriver.Data}}', 'map[LowerDir:/a:/b UpperDir:/u]'],
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
  ['{{.Null}}', '<no value>'],
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
  ['.Pid}}', /braces that are not opened/],
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

/** An image as docker has it, so that docker can say what each template makes of it. */
const image = {
  Id: 'sha256:0123456789abcdef',
  RepoTags: ['app:1', 'registry/app:latest'],
  Architecture: 'amd64',
  Os: 'linux',
  Size: 12345,
  Config: {
    Cmd: ['/bin/sh', '-c', 'echo hi'],
    Env: ['PATH=/bin', 'A=b'],
    Labels: { b: '2', a: '1', 'with.dot': 'x' },
    User: '',
    WorkingDir: '/srv',
  },
  RootFS: { Type: 'layers', Layers: ['sha256:aa', 'sha256:bb', 'sha256:cc'] },
  GraphDriver: { Name: 'overlay2', Data: { UpperDir: '/u', LowerDir: '/a:/b' } },
}

/** Docker prints the same of each (tried below); what stands in the second place is what that is. */
const asDocker: [format: string, expected: string][] = [
  ['{{.Id}} {{.RepoTags}}', 'sha256:0123456789abcdef [app:1 registry/app:latest]'],
  ['{{range $i, $tag := .RepoTags}}{{$i}}={{$tag}};{{end}}', '0=app:1;1=registry/app:latest;'],
  ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}', 'a=1 b=2 with.dot=x '],
  ['{{range $tag := .RepoTags}}{{.}}{{$tag}} {{end}}', 'app:1app:1 registry/app:latestregistry/app:latest '],
  ['{{$size := .Size}}{{if gt $size 1000}}big{{else}}small{{end}}', 'big'],
  ['{{$x := "a"}}{{range .RepoTags}}{{$x = .}}{{end}}{{$x}}', 'registry/app:latest'],
  ['{{with $c := .Config}}{{$c.WorkingDir}}{{.WorkingDir}}{{$.Os}}{{end}}', '/srv/srvlinux'],
  ['{{with .Config.User}}{{.}}{{else}}root{{end}}', 'root'],
  ['{{with .Config.User}}{{.}}{{else with .Os}}{{.}}{{end}}', 'linux'],
  [
    '{{if eq .Os "windows" "linux"}}1{{end}}{{if ne .Size 1}}2{{end}}{{if le 1 2}}3{{end}}{{if ge "b" "a"}}4{{end}}',
    '1234',
  ],
  ['{{if and .Os (not .Config.User) (lt 1 .Size)}}yes{{end}}', 'yes'],
  ['{{or .Config.User .Os}} {{and .Os .Config.User}}|', 'linux |'],
  ['{{and .Config.User (index .RepoTags 9)}}{{or .Os (index .RepoTags 9)}}', 'linux'],
  ['{{len .RootFS.Layers}} {{len .Id}} {{len .Config.Labels}}', '3 23 3'],
  ['{{index .RootFS.Layers 1}} {{index .Config.Labels "with.dot"}} {{index .Config.Labels "none"}}|', 'sha256:bb x |'],
  ['{{slice .Id 7 11}} {{slice .RepoTags 1}} {{slice .Id 19}}', '0123 [registry/app:latest] cdef'],
  ['{{join .Config.Env ","}} {{index (split .GraphDriver.Data.LowerDir ":") 1}}', 'PATH=/bin,A=b /b'],
  ['{{json .Config.Env}} {{json .GraphDriver.Name}}', '["PATH=/bin","A=b"] "overlay2"'],
  ['{{json "<&>"}}{{json .Config.User}}{{json .Size}}', '"<&>"""12345'],
  ['{{upper .Os}} {{title "the quick-brown fox_x 1a"}} {{lower "ABC"}}', 'LINUX The Quick-Brown Fox_x 1a abc'],
  ['{{pad .Os 2 1}}|{{pad "" 2 1}}|{{truncate .Id 10}}|{{truncate .Os 10}}', '  linux ||sha256:012|linux'],
  ['{{printf "%s has %d layers" .Os (len .RootFS.Layers)}}', 'linux has 3 layers'],
  [
    '{{printf "%-8s|%8s|%.3s|%q|%5d|%-5d|%05d|%+d|%x|%X" .Os .Os .Os .Os 42 42 42 42 255 255}}',
    'linux   |   linux|lin|"linux"|   42|42   |00042|+42|ff|FF',
  ],
  [
    '{{printf "%v %v %v %t %c %%" .RepoTags .Size .Config.Labels true 65}}',
    '[app:1 registry/app:latest] 12345 map[a:1 b:2 with.dot:x] true A %',
  ],
  [
    '{{printf "%.2f %8.3f %e %g" 3.14159 2.5 1234.5 0.25}} {{printf "%*d" 5 7}} {{printf "%#x %o %b" 255 8 5}}',
    '3.14    2.500 1.234500e+03 0.25     7 0xff 10 101',
  ],
  ['{{print .Os 1 2 "x" "y" 3}} {{print 1 2}} {{println .Os 1}}|', 'linux1 2xy3 1 2 linux 1\n|'],
  ['{{.Os | printf "%s-%s" "a" | upper}} {{"x" | len | printf "%03d"}}', 'A-LINUX 001'],
  ['{{range .RepoTags}}{{if eq . "app:1"}}{{continue}}{{end}}{{.}}{{break}}{{end}}', 'registry/app:latest'],
  ['{{range slice .RepoTags 2}}x{{else}}none{{end}}', 'none'],
  [
    '{{define "t"}}<{{.}}>{{end}}{{template "t" .Os}}{{range .RepoTags}}{{template "t" .}}{{end}}',
    '<linux><app:1><registry/app:latest>',
  ],
  ['{{block "b" .Config}}{{.WorkingDir}}{{end}}', '/srv'],
  ['a  {{- /* no */ -}}  b {{- " c " -}} d', 'ab c d'],
  ['{{(index .RootFS.Layers 0) | upper}} {{(.Config).WorkingDir}} {{$.Config.WorkingDir}}', 'SHA256:AA /srv /srv'],
  ['{{html "<a>"}} {{urlquery "a b&"}} {{"\\t\\"x\\""}} {{`raw\\n`}}', '&lt;a&gt; a+b%26 \t"x" raw\\n'],
  ["{{1_000}} {{0x1F}} {{0b11}} {{-3}} {{true}} {{1.5}} {{'a'}}", '1000 31 3 -3 true 1.5 97'],
  ['{{if false}}a{{else if eq 1 1}}b{{else}}c{{end}}', 'b'],
]
for (const [format, expected] of asDocker) {
  test(`as docker: ${format}`, () => assert.equal(formatDocument(format, image), expected))
}

/** What docker refuses, too. */
const refusedByDocker: [format: string, words: RegExp][] = [
  ['{{.Id', /braces that are not closed \(at letter 1\)$/],
  ['{{.Os}} {{end}}', /{{end}} has nothing to end \(at letter 9\)$/],
  ['{{range .RepoTags}}x', /an {{end}} is missing/],
  ['{{$x}}', /there is no variable \$x/],
  ['{{range $x := .RepoTags}}{{end}}{{$x}}', /there is no variable \$x \(at letter/],
  ['{{$y = 1}}', /there is no variable \$y/],
  ['{{break}}', /break stands outside of a {{range}}/],
  ['{{template "none"}}', /there is no template "none"/],
  ['{{if eq .Os 1}}{{end}}', /text and a number cannot be compared: linux, 1 \(at letter 6\)$/],
  ['{{if lt .Os 1}}{{end}}', /text and a number have no order/],
  ['{{upper .Size}}', /12345 is no text \(at letter 3\)$/],
  ['{{index .RepoTags 2}}', /index 2 is not in a list of 2/],
  ['{{slice .RepoTags 1 9}}', /slice 1 to 9 is not in a list of 2/],
  ['{{truncate .Os}}', /truncate takes 2 values, not 1/],
  ['{{frobnicate .Os}}', /frobnicate is no function: there are and, /],
  ['{{.Os 1}}', /cannot be read/],
  ['{{3 4}}', /cannot be read/],
  ['{{"abc}}', /cannot be read at "abc/],
  ['{{"\\z"}}', /is no text that can be read/],
  ['{{.Os | "x"}}', /after \| there has to be a function/],
  ['{{len true}}', /len of true, which has no length/],
  ['{{range .Os}}{{end}}', /linux is no list/],
  ['{{.Nothing}}', /no Nothing in the document, which has Id, /],
  ['{{/* x }}', /a comment is not closed/],
  ["{{'ab'}}", /is not one letter/],
  ['{{else}}', /{{else}} has nothing to end/],
  ['{{define "a"}}', /an {{end}} is missing/],
  ['{{if .Os}}{{else}}{{else}}{{end}}', /a second {{else}}/],
]
for (const [format, words] of refusedByDocker) {
  test(`as docker refused: ${format}`, () => {
    const result = formatDocument(format, image)
    assert.ok(typeof result === 'object', String(result))
    assert.match(result.error, words)
  })
}

test('refused here: what printf cannot print, and templates that call each other without end', () => {
  const refused = [
    '{{printf "%d" .Os}}',
    '{{printf "%s"}}',
    '{{printf "x" 1}}',
    '{{printf "%5"}}',
    '{{pad "x" 99999 0}}',
  ]
  const endless = '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}'
  for (const format of [...refused, endless]) assert.ok(typeof formatDocument(format, image) === 'object', format)
})

/** A docker daemon that knows one image: enough for `docker image inspect`. */
async function withDaemon(work: (inspect: (format: string) => Promise<string | null>) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-format-'))
  const server = createServer((request, response) => {
    response.setHeader('Api-Version', '1.41').setHeader('Content-Type', 'application/json')
    response.end(request.url?.includes('/images/') === true ? JSON.stringify(image) : 'OK')
  })
  try {
    await new Promise<void>((listening) => server.listen(join(folder, 'sock'), listening))
    const env = { ...process.env, DOCKER_HOST: `unix://${folder}/sock`, DOCKER_CONFIG: folder, DOCKER_CONTEXT: '' }
    const run = promisify(execFile)
    await work((format) =>
      run('docker', ['image', 'inspect', '--format', format, 'app'], { env, timeout: 20_000 }).then(
        ({ stdout }) => stdout.replace(/\n$/, ''),
        () => null,
      ),
    )
  } finally {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

test('docker says the same of these', { skip: notInstalled('docker') }, () =>
  withDaemon(async (inspect) => {
    // Newer clients than Debian 12's know `continue` and `else with`.
    const isNew =
      (await inspect('{{range .RepoTags}}{{continue}}{{end}}{{with ""}}{{else with .Os}}{{.}}{{end}}')) === 'linux'
    const told = isNew ? asDocker : asDocker.filter(([format]) => !/continue|break|else with/.test(format))
    // Several in one call; what parts them is in none. Where a template names `.Id`,
    // docker knows no types: a number is a text, and no list can be joined.
    for (const isTyped of [true, false]) {
      const some = told.filter(([format]) => /\.Size|join|"none"/.test(format) === isTyped)
      const said = await inspect(some.map(([format]) => format).join('\x01'))
      assert.deepEqual(
        said?.split('\x01'),
        some.map(([, expected]) => expected),
      )
    }
    const answers = await Promise.all(refusedByDocker.map(([format]) => inspect(format)))
    assert.deepEqual(
      refusedByDocker.map(([format]) => format).filter((_, i) => answers[i] !== null),
      [],
    )
  }),
)

test('rows, with a line of headers', () => {
  const rows = [
    { ID: 'abc', Size: '1 kB', CreatedSince: 'now', Layers: [{ Name: 'a' }, { Name: 'b' }] },
    { ID: 'a-long-identifier', Size: '20 kB', CreatedSince: 'later', Layers: [] },
  ]
  const headers = { ID: 'IMAGE ID' }
  assert.equal(
    formatRows('table {{.ID}}\\t{{.CreatedSince | upper}}\\t{{.Size}}', rows, headers),
    'IMAGE ID            CREATED SINCE   SIZE\nabc                 NOW             1 kB\n' +
      'a-long-identifier   LATER           20 kB\n',
  )
  assert.equal(formatRows('{{.ID}}\\n{{join .Layers "\\n"}}', [{ ID: 1, Layers: ['x'] }]), '1\nx\n')
  assert.equal(formatRows('json', [{ a: 1 }, { a: 2 }]), '{"a":1}\n{"a":2}\n')
  assert.equal(
    formatRows('table {{range .Layers}}{{.Name}} {{end}}\t{{if .ID}}{{json .ID}}{{end}}\t{{printf "%s!" .Size}}', rows),
    'NAME      ID                    SIZE!\na b       "abc"                 1 kB!\n' +
      '          "a-long-identifier"   20 kB!\n',
  )
  assert.deepEqual(formatRows('{{.None}}', rows), {
    error: '--format: no None in the document, which has ID, Size, CreatedSince, Layers',
  })
})
