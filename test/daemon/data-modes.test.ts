/**
 * The two data modes on real mounts: which one a mount takes and that it says so, layers on filesystems of other kinds,
 * one copy of a file in memory for all mounts over it, and a process that has few descriptors.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Namespace } from '../../scripts/bench/namespace.js'
import { endAll } from '../../scripts/bench/processes.js'
import { MAIN, needsRoot, type Workspace, workspace } from './harness.js'

const LARGE = Buffer.alloc(300_000, 'large ')

function mounted(w: Workspace, options: string, at = w.merged): void {
  const { status, stderr } = w.run('-o', options, at)
  assert.equal(stderr, '')
  assert.equal(status, 0)
}

interface Data {
  readonly Mode: string
  readonly Why: string
}

function dataOf(w: Workspace, at = w.merged): Data {
  const [document] = JSON.parse(w.run('inspect', at).stdout)
  return document.Engine.Data
}

function statsOf(w: Workspace): Record<string, number> {
  return JSON.parse(w.run('stats', '--json', w.merged).stdout).mounts[0].counters
}

function shell(script: string, cwd: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', script], { cwd, encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 0, stderr)
  return stdout
}

/** Whether this kernel passes through for us; the first mount tells. */
function passes(w: Workspace): boolean {
  mounted(w, `${w.options},data=passthrough`)
  return dataOf(w).Mode === 'passthrough'
}

test(
  'a user namespace that maps every id to itself is not the machine: cached, with writeback',
  needsRoot,
  async (t) => {
    const w = workspace(t)
    t.after(endAll)
    const within = await Namespace.make()
    const inside = `set -e; "$0" "$1" -o "$2" "$3"; "$0" "$1" inspect "$3"; umount "$3"`
    const argv = ['sh', '-c', inside, process.execPath, MAIN, `${w.options},writeback=1`, w.merged]
    const [enter, ...words] = within.enter(argv)
    const { status, stdout, stderr } = spawnSync(enter!, words, { env: w.env, encoding: 'utf8', timeout: 30_000 })
    assert.equal(status, 0, stderr)
    const { Mode: mode, Why: why, Writeback: writeback } = JSON.parse(stdout)[0].Engine.Data
    assert.deepEqual([mode, writeback], ['cached', true])
    assert.match(why, /CAP_SYS_ADMIN in the initial user namespace/)
  },
)

test('inspect and stats tell the mode, and why', needsRoot, (t) => {
  const w = workspace(t)
  const has = passes(w)
  assert.equal(statsOf(w).passedThrough, 0)
  writeFileSync(join(w.merged, 'new'), 'x')
  assert.equal(statsOf(w).passedThrough, has ? 1 : 0)
  assert.equal(w.run('unmount', w.merged).status, 0)
  mounted(w, w.options)
  assert.equal(dataOf(w).Mode, has ? 'passthrough' : 'cached')
  assert.equal(w.run('unmount', w.merged).status, 0)
  mounted(w, `${w.options},data=cached`)
  assert.deepEqual([dataOf(w).Mode, dataOf(w).Why], ['cached', 'data=cached was asked for'])
  const refused = w.run('-o', `${w.options},data=fast`, join(w.root, 'other'))
  assert.match(refused.stderr, /option data=fast must be one of auto, passthrough, cached|option data=fast/)
})

const kinds: [name: string, prepare: (at: string) => void][] = [
  ['tmpfs', (at) => shell(`mount -t tmpfs none ${at}`, '/')],
  [
    'overlayfs',
    (at) => {
      mkdirSync(`${at}-parts`)
      shell(`mount -t tmpfs none ${at}-parts && mkdir ${at}-parts/l ${at}-parts/u ${at}-parts/w`, '/')
      shell(`mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w ${at}`, `${at}-parts`)
    },
  ],
]

for (const [name, prepare] of kinds)
  test(`layers on ${name} are read and written in either mode`, needsRoot, (t) => {
    const w = workspace(t)
    const at = join(w.root, 'ground')
    mkdirSync(at)
    prepare(at)
    for (const data of ['passthrough', 'cached']) {
      const here = join(at, data)
      shell(`mkdir -p ${here}/l ${here}/w ${here}/u`, '/')
      writeFileSync(join(here, 'l/large'), LARGE)
      const parts = `lowerdir=${here}/l,upperdir=${here}/u,workdir=${here}/w,data=${data}`
      // On overlayfs whiteouts cannot be devices, which this is not about.
      const { status, stderr } = w.run('-o', parts, w.merged)
      assert.equal(status, 0, stderr)
      shell(
        'exec 3<large; printf new >> large; head -c 6 <&3; tail -c 3 large; dd if=/dev/zero of=made bs=4k count=50 2>&1',
        w.merged,
      )
      assert.equal(readFileSync(join(w.merged, 'large'), 'latin1').slice(-6), 'ge new')
      assert.ok(readFileSync(join(here, 'l/large')).equals(LARGE))
      assert.equal(statSync(join(w.merged, 'made')).size, 204_800)
      assert.equal(w.run('unmount', w.merged).status, 0)
    }
  })

/** The physical pages of the files named, as one line each; needs CAP_SYS_ADMIN. */
const FRAMES = `
import mmap, struct, sys
# What is mapped stays in memory, whoever drops caches meanwhile.
held = []
for name in sys.argv[1:]:
    with open(name, 'rb') as file:
        pages = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        held.append(pages)
        start = None
        for line in open('/proc/self/maps'):
            if line.rstrip().endswith(name): start = int(line.split('-')[0], 16)
        frames = []
        with open('/proc/self/pagemap', 'rb', 0) as pagemap:
            for page in range(len(pages) // 4096):
                pages[page * 4096]
                pagemap.seek((start // 4096 + page) * 8)
                frames.append(struct.unpack('Q', pagemap.read(8))[0] & ((1 << 55) - 1))
        print(' '.join(map(str, frames)))
`

test('two mounts over one lower layer hold its large files once in memory', needsRoot, (t) => {
  const w = workspace(t)
  writeFileSync(join(w.base, 'large'), LARGE)
  if (!passes(w)) return t.skip('this kernel has no passthrough')
  const other = join(w.root, 'other')
  mkdirSync(other)
  mounted(w, `lowerdir=${w.base}`, other)
  const files = [join(w.merged, 'large'), join(other, 'large')]
  const { status, stdout, stderr } = spawnSync('python3', ['-c', FRAMES, ...files], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  assert.equal(status, 0, stderr)
  const [first = [], second] = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  if (first.every((frame) => frame === '0')) return t.skip('physical pages are not shown here')
  assert.equal(first.length, Math.floor(LARGE.length / 4096))
  assert.deepEqual(second, first)
})

for (const data of ['passthrough', 'cached'])
  test(`a daemon with few descriptors serves many open files (${data})`, needsRoot, (t) => {
    const w = workspace(t)
    const mount = [process.execPath, MAIN, '-o', `${w.options},data=${data}`, w.merged]
    const done = spawnSync('prlimit', ['--nofile=200:200', ...mount], { encoding: 'utf8', env: w.env, timeout: 60_000 })
    assert.equal(done.status, 0, done.stderr)
    const open: number[] = []
    for (let i = 0; i < 400; i++) {
      const path = join(w.merged, `f${i}`)
      const fd = openSync(path, 'wx+', 0o600)
      open.push(fd)
      writeSync(fd, `content of ${i}`, 0)
      if (i % 6 === 0) unlinkSync(path)
    }
    writeFileSync('/proc/sys/vm/drop_caches', '1')
    for (const [i, fd] of open.entries()) {
      writeSync(fd, ', more', 30)
      const bytes = Buffer.alloc(100)
      const length = readSync(fd, bytes, 0, 100, 0)
      assert.equal(bytes.toString('latin1', 0, length).replaceAll('\0', ''), `content of ${i}, more`)
      closeSync(fd)
    }
    assert.equal(w.run('unmount', w.merged).status, 0)
    assert.match(readFileSync(join(w.upper, 'f1'), 'latin1'), /^content of 1\0+, more$/)
  })
