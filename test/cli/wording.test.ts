/**
 * What people read, by two tables. Refusals: one line that names the thing, says what to do, and holds no bare error
 * number or code; words that are not known get the nearest one. Lists: no line over 80 columns on a terminal of 80,
 * colour there, and none where NO_COLOR is set or nobody sees it.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAIN, needsRoot, type Workspace, workspace } from '../daemon/harness.js'
import { archive, directory, file } from '../oci/archive.js'

/** As `docker save` and skopeo name what is in them. */
const CONFIG = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } })
const HEX = createHash('sha256').update(CONFIG).digest('hex')
const DOCKER = archive(
  file(`${HEX}.json`, CONFIG),
  file('manifest.json', JSON.stringify([{ Config: `${HEX}.json`, RepoTags: ['app:1'], Layers: [] }])),
)
const OCI = archive(
  file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
  file('index.json', '{"manifests":[]}'),
  directory('blobs/sha256/'),
)

/** A room with an image of three layers whose names are long, and archives. */
function room(t: Parameters<typeof workspace>[0]): Workspace {
  const w = workspace(t)
  writeFileSync(join(w.root, 'docker.tar'), DOCKER)
  writeFileSync(join(w.root, 'oci.tar'), OCI)
  writeFileSync(
    join(w.root, 'base.tar'),
    archive(directory('etc/'), file('etc/a', 'a'), file(`etc/${'n'.repeat(90)}`, 'b')),
  )
  assert.equal(w.run('image', 'import', 'base.tar', `images:${'long-'.repeat(12)}tag`).status, 0)
  assert.equal(w.run('image', 'import', 'base.tar', 'images:a', '-m', 'comment '.repeat(20)).status, 0)
  for (const step of ['one', 'two'])
    assert.equal(
      w.run(
        'commit',
        '--upper',
        'top',
        '--lower',
        'base',
        '--image',
        'images:a',
        '--created-by',
        `RUN ${step} `.repeat(40),
      ).status,
      0,
    )
  return w
}

const REFUSED: readonly (readonly [words: string, told: RegExp])[] = [
  ['lst', /^stratafs: unknown command lst: did you mean list\? /],
  ['image lst images', /^stratafs: unknown command lst: did you mean list\? /],
  ['image wast images:a', /^stratafs: unknown command wast: did you mean waste\? /],
  ['store lst', /^stratafs: unknown command lst: did you mean list\? /],
  ['index bild merged', /^stratafs: unknown command bild: did you mean build\? /],
  ['mount --lowr x merged', /^stratafs: unknown option --lowr: did you mean --lower\? /],
  ['image list images --fliter a=b', /^stratafs: unknown option --fliter: did you mean --filter\? /],
  ['image list images --filter referense=a', /^stratafs: --filter referense=a: give dangling=…, /],
  ['image list none', /^stratafs: \S+\/none is no OCI image layout \(there is no oci-layout in it\): name one that /],
  ['image tree none', /^stratafs: none is no OCI image layout .*: name it as LAYOUT:TAG$/],
  ['image history images', /^stratafs: \S+\/images holds 2 images: name one as LAYOUT:TAG /],
  ['image diff images:a', /^stratafs: name what the image is compared with, or a layer of it with --layer N$/],
  ['image diff images:a --layer 9', /^stratafs: there is no layer 9: give a number from 1 to 3$/],
  ['image diff images:a docker.tar', /it is a docker-archive.*: take what is in it with `stratafs image load /],
  ['image waste images:a --fail-below much', /^stratafs: --fail-below much: give a percentage from 0 to 100$/],
  ['image waste images:a --format {{.Pat}}', /^stratafs: --format: no Pat in the document, which has Path, How, /],
  ['image list images --format {{.Tag', /^stratafs: --format: {{\.Tag has braces that are not closed \(at letter 1\)$/],
  [
    'apply docker.tar out',
    /^stratafs: docker\.tar: it is a docker-archive.*: take what is in it with `stratafs image load /,
  ],
  ['apply oci.tar out', /^stratafs: oci\.tar: it is an oci-archive.*: take what is in it with `stratafs image load /],
  ['image import docker.tar images:x', /^stratafs: docker\.tar: it is a docker-archive.*`stratafs image load /],
  [
    'image load base.tar images',
    /^stratafs: base\.tar: it is no archive of images .*: take a layer with `stratafs apply`/,
  ],
  ['image load oci.tar images', /^stratafs: oci\.tar: it holds no images$/],
  ['apply none.tar out', /^stratafs: none\.tar does not exist: name an archive, or - for standard input$/],
  ['commit --upper top --lower base --output none/out.tar', /cannot be made: no such file or directory$/],
  [
    'image mount images:a nowhere',
    /^stratafs: mountpoint \S+\/nowhere does not exist: make it with mkdir, or name another$/,
  ],
  ['inspect merged', /^stratafs: \S+\/merged is not a stratafs mount: `stratafs inspect --all` lists those there are$/],
  ['which merged/a', /is in no stratafs mount of yours: name a path in one \(`stratafs list` shows them\)$/],
  ['mount --lower none merged', /^stratafs: lowerdir \S+\/none does not exist: make it with mkdir, or name another$/],
  ['mount --lower base --upper /proc/self merged', /^stratafs: \S+ \S+.* (cannot be|is not|does not)/],
]

test('refusals', needsRoot, (t) => {
  const w = room(t)
  for (const [words, told] of REFUSED) {
    const { status, stdout, stderr } = w.run(...words.split(' '))
    assert.match(stderr.trimEnd(), told, words)
    assert.equal(stderr.split('\n').length, 2, `${words}: one line`)
    assert.notEqual(status, 0, words)
    assert.equal(stdout, '', words)
    assert.doesNotMatch(stderr, /errno|\bE[A-Z]{3,}\b/, words)
  }
})

test('image load: a docker-archive, its id and name kept; what was refused left nothing', needsRoot, (t) => {
  const w = room(t)
  const loaded = w.run('image', 'load', 'docker.tar', 'loaded', '--json')
  assert.deepEqual(
    JSON.parse(loaded.stdout).images.map(({ tag, id }: { tag: string; id: string }) => [tag, id]),
    [['app:1', `sha256:${HEX}`]],
  )
  assert.equal(w.run('image', 'load', 'docker.tar', 'loaded:other').stdout, `other: sha256:${HEX}\n`)
  assert.deepEqual(
    w.run('image', 'list', 'loaded', '--format', '{{.Repository}}:{{.Tag}}').stdout.trim().split('\n').sort(),
    ['app:1', 'loaded:other'],
  )
  writeFileSync(
    join(w.root, 'bad.tar'),
    archive(file('manifest.json', JSON.stringify([{ Config: 'none.json', Layers: [] }]))),
  )
  assert.match(w.run('image', 'load', 'bad.tar', 'loaded').stderr, /bad\.tar: none\.json is named in it and not there/)
})

/** Those that print rows, in a room with an image `images:a` and mounts on `merged` and `m2`. */
const LISTS = [
  'list',
  'health',
  'stats merged',
  'store list --store store',
  'image list images',
  'image history images:a',
  'image tree images',
  'image waste images:a',
  'image diff images:a base',
]

test('lists keep to 80 columns on a terminal, with colour only where it is wanted', needsRoot, (t) => {
  const w = room(t)
  mkdirSync(join(w.root, 'm2'))
  assert.equal(w.run('mount', '--lower', 'base', '--upper', 'upper', '--work', 'work', 'merged').status, 0)
  assert.equal(w.run('image', 'mount', '--store', 'store', 'images:a', 'm2').status, 0)
  // One shell for all; a line that no command prints parts them.
  const calls = LISTS.map((call) => `'${call}'`).join(' ')
  const loop = `for call in ${calls}; do '${process.execPath}' '${MAIN}' $call 2>/dev/null; echo "== $?"; done`
  const run = (program: string, words: string[], env: NodeJS.ProcessEnv) => {
    const options = { cwd: w.root, env: { ...w.env, TERM: 'xterm', ...env }, encoding: 'utf8' } as const
    return spawnSync(program, words, { ...options, timeout: 120_000 }).stdout.split(/== [01]\r?\n/)
  }
  const inTerminal = (env: NodeJS.ProcessEnv) => run('script', ['-qec', `stty cols 80; ${loop}`, '/dev/null'], env)
  const piped = run('bash', ['-c', loop], {})
  const plain = inTerminal({ NO_COLOR: '1' })
  const coloured = inTerminal({ NO_COLOR: '' })
  assert.equal(plain.length, LISTS.length + 1, plain.join('---'))
  for (const [at, call] of LISTS.entries()) {
    for (const line of plain[at]!.split('\r\n')) assert.ok([...line].length <= 80, `${call}: ${line}`)
    assert.ok(!plain[at]!.includes('\x1b'), call)
    if (call !== 'stats merged') assert.ok(coloured[at]!.includes('\x1b['), call)
    assert.ok(piped[at]!.length > 0 && !piped[at]!.includes('\x1b'), `${call}, to a pipe`)
  }
})
