/**
 * A mount with a limit: what is counted is what a walk through the upper counts, after any history; what would exceed
 * the limit is ENOSPC and leaves nothing half done; the count outlives the mount, and a kill.
 */
import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Namespace } from '../../scripts/bench/namespace.js'
import { endAll } from '../../scripts/bench/processes.js'
import { daemonPids, MAIN, needsRoot, type Workspace, workspace } from './harness.js'
import { COUNT, WRITER } from './limit-writer.js'

const MIB = 1 << 20

interface Report {
  readonly size: number | null
  readonly inodes: number | null
  readonly usedBytes: number | null
  readonly usedInodes: number | null
  readonly counting: number | null
}

function mounted(w: Workspace, options: string): void {
  const { status, stderr } = w.run('-o', `${w.options},${options}`, w.merged)
  assert.equal(stderr, '')
  assert.equal(status, 0)
}

function limitOf(w: Workspace, ...words: string[]): Report {
  const { status, stdout, stderr } = w.run('limit', w.merged, '--json', ...words)
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

/** The report once everything has been counted. */
function counted(w: Workspace): Report {
  for (let i = 0; i < 100; i++) {
    const report = limitOf(w)
    if (report.counting === null && report.usedBytes !== null) return report
  }
  throw new Error('it is not counted')
}

function python(script: string, ...words: string[]): SpawnSyncReturns<string> {
  return spawnSync('python3', ['-c', script, ...words], { encoding: 'utf8', timeout: 60_000 })
}

function walked(w: Workspace): { usedBytes: number; usedInodes: number } {
  const { stdout, stderr } = python(COUNT, w.upper, join(w.work, 'index'))
  assert.equal(stderr, '')
  const { bytes, inodes } = JSON.parse(stdout)
  return { usedBytes: bytes, usedInodes: inodes }
}

/** The count, beside a walk's. */
function agrees(w: Workspace): Report {
  const truth = walked(w)
  const { usedBytes, usedInodes, ...rest } = counted(w)
  assert.deepEqual({ usedBytes, usedInodes }, truth)
  return { usedBytes, usedInodes, ...rest }
}

function code(act: () => unknown): string {
  try {
    act()
    return 'none'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

/** Lower files of every kind, some of them with several names. */
function plant(w: Workspace): void {
  for (let i = 0; i < 12; i++) {
    mkdirSync(join(w.base, `d${i}`))
    writeFileSync(join(w.base, `d${i}/small`), `small ${i}\n`)
    writeFileSync(join(w.base, `d${i}/large`), Buffer.alloc(150_000 + i, 'large '))
  }
  spawnSync('sh', ['-ec', 'ln d0/large d1/twin; ln d2/small d3/twin; truncate -s 9M d4/large; ln -s x d5/link'], {
    cwd: w.base,
  })
}

for (const data of ['passthrough', 'cached'])
  test(`random histories: the count is a walk's, over remounts and a kill (${data})`, needsRoot, (t) => {
    const w = workspace(t)
    plant(w)
    mounted(w, `size=3M,data=${data}`)
    let refused = 0
    for (let seed = 1; seed <= 2; seed++) {
      const { stdout, stderr } = python(WRITER, w.merged, String(seed), '160')
      assert.equal(stderr, '')
      const told = JSON.parse(stdout) as { refused: number; done: number; other: Record<string, number> }
      refused += told.refused
      assert.equal(told.other.EIO, undefined, stdout)
      assert.ok(told.done > 60, stdout)
      const { usedBytes } = agrees(w)
      // A whiteout, or a filesystem's own blocks, may come on top.
      assert.ok(usedBytes! <= 3 * MIB + 256 * 1024, `${usedBytes}`)
      if (seed === 2) {
        for (const pid of daemonPids(w.runDirectory)) process.kill(pid, 'SIGKILL')
        assert.equal(w.run('unmount', w.merged).status, 0)
        mounted(w, `size=3M,data=${data}`)
        agrees(w)
      } else {
        assert.equal(w.run('unmount', w.merged).status, 0)
        mounted(w, `size=3M,data=${data}`)
        assert.equal(limitOf(w).counting, null, 'a mount that ended well need not be walked')
      }
    }
    assert.ok(refused > 0, 'no history reached the limit')
  })

test('in a user namespace, and with inodes', needsRoot, async (t) => {
  const w = workspace(t)
  plant(w)
  t.after(endAll)
  const within = await Namespace.make()
  const inside = `set -e; "$0" "$1" -o "$2" "$3"; python3 -c "$4" "$3" 7 160 >&2; sync
    "$0" "$1" limit --json "$3"; python3 -c "$5" "$6" "$7"; umount "$3"`
  const options = `${w.options},size=6M,inodes=90`
  const argv = ['sh', '-c', inside, process.execPath, MAIN, options, w.merged, WRITER, COUNT, w.upper]
  const [enter, ...words] = within.enter([...argv, join(w.work, 'index')])
  const { status, stdout, stderr } = spawnSync(enter!, words, { env: w.env, encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
  const [report, truth] = stdout
    .trim()
    .split(/\n(?=\{"bytes")/)
    .map((text) => JSON.parse(text))
  assert.deepEqual([report.usedBytes, report.usedInodes], [truth.bytes, truth.inodes])
  assert.ok(report.usedInodes <= 90 + 4)
})

test('what does not fit is ENOSPC, and nothing is half done', needsRoot, (t) => {
  const w = workspace(t)
  writeFileSync(join(w.base, 'big'), Buffer.alloc(3 * MIB, 'big'))
  const before = readFileSync(join(w.base, 'big'))
  mounted(w, 'size=2M,inodes=6')
  const at = (name: string) => join(w.merged, name)
  // A copy-up: refused whole, and the file is as it was.
  assert.equal(
    code(() => truncateSync(at('big'), 2_900_000)),
    'ENOSPC',
  )
  assert.equal(
    code(() => openSync(at('big'), 'r+')),
    'ENOSPC',
  )
  assert.deepEqual(readFileSync(at('big')), before)
  assert.deepEqual(readdirSync(w.upper), [])
  // Truncated, it fits.
  writeFileSync(at('big'), 'now small')
  // A write is short, then refused; what is there can be written over.
  const file = openSync(at('new'), 'w')
  let written = 0
  assert.equal(
    code(() => {
      for (;;) written += writeSync(file, Buffer.alloc(100_000, 'x'))
    }),
    'ENOSPC',
  )
  assert.equal(statSync(at('new')).size, written)
  assert.ok(written > 2 * MIB - 64 * 1024 && written <= 2 * MIB, String(written))
  writeSync(file, Buffer.alloc(written, 'y'), 0, written, 0)
  fsyncSync(file)
  const { usedBytes } = agrees(w)
  assert.ok(usedBytes! <= 2 * MIB && usedBytes! > 2 * MIB - 8192, String(usedBytes))
  const { blocks, bfree, bavail, bsize, files } = statfsSync(w.merged)
  assert.deepEqual([blocks * bsize, files], [2 * MIB, 6])
  assert.equal((blocks - bfree) * bsize, usedBytes)
  assert.equal(bavail, bfree)
  for (const act of [() => mkdirSync(at('dir')), () => writeFileSync(at('more'), 'x')])
    assert.equal(code(act), 'ENOSPC')
  assert.equal(existsSync(at('dir')) || existsSync(at('more')), false)
  // Unlinked and open, it takes what it took; closed, it is gone.
  unlinkSync(at('new'))
  assert.equal(counted(w).usedBytes, usedBytes)
  closeSync(file)
  for (let i = 0; i < 50 && counted(w).usedBytes! > MIB; i++);
  agrees(w)
  // Inodes: the root, `big`, and four more.
  for (let i = 0; i < 4; i++) writeFileSync(at(`f${i}`), '')
  assert.equal(
    code(() => writeFileSync(at('f4'), '')),
    'ENOSPC',
  )
  assert.equal(limitOf(w, '--inodes', '7').inodes, 7)
  writeFileSync(at('f4'), '')
  // A lower file can be removed though nothing can be made.
  unlinkSync(at('b'))
  assert.equal(agrees(w).usedInodes, 7)
})

/** Steps near the end of the room, each with the error it met. */
const STEPS = `
import os, sys, errno, time
os.chdir(sys.argv[1])
def step(name, act):
    try: print(name, act())
    except OSError as e: print(name, errno.errorcode[e.errno])
def fill(fd):
    done = 0
    try:
        while True: done += os.write(fd, b'x' * 10000)
    except OSError as e: return [errno.errorcode[e.errno], done > 1 << 20, done == os.fstat(fd).st_size]
def over(fd, at): return os.pwrite(fd, b'o' * 8192, at)
step('first change of a large file', lambda: os.close(os.open('big', os.O_RDWR)))
step('chmod of it', lambda: os.chmod('big', 0o600))
step('it is as it was', lambda: [os.stat('big').st_size, open('big').read(3)])
f = os.open('new', os.O_CREAT | os.O_RDWR)
step('fill', lambda: fill(f))
step('over what is there', lambda: over(f, 4096))
step('beyond its end', lambda: os.pwrite(f, b'o' * 8192, 2 << 20))
step('truncate up', lambda: os.ftruncate(f, 3 << 20))
step('into the hole', lambda: os.pwrite(f, b'o' * 8192, 5 << 19))
step('unlink of a lower file', lambda: os.unlink('b'))
step('unlink while open', lambda: os.unlink('new'))
os.close(f)
# The kernel tells a FUSE filesystem of a last close a moment later.
time.sleep(0.3)
step('room again', lambda: fill(os.open('other', os.O_CREAT | os.O_RDWR)))
`

test('refusals are those of kernel overlayfs with an upper on a disk that is full', needsRoot, (t) => {
  const w = workspace(t)
  writeFileSync(join(w.base, 'big'), Buffer.alloc(3 * MIB, 'big'))
  mounted(w, 'size=2M')
  const ours = python(STEPS, w.merged)
  assert.equal(ours.stderr, '')
  assert.equal(w.run('unmount', w.merged).status, 0)
  const [disk, kernel] = [join(w.root, 'disk'), join(w.root, 'kernel')]
  for (const at of [disk, kernel]) mkdirSync(at)
  const lower = `lowerdir=${w.top}:${w.base},upperdir=${disk}/u,workdir=${disk}/w`
  const mount = `mount -t tmpfs -o size=2M none ${disk}; mkdir ${disk}/u ${disk}/w; mount -t overlay none -o ${lower} ${kernel}`
  const made = spawnSync('sh', ['-ec', mount], { encoding: 'utf8' })
  if (made.status !== 0) return t.skip(`no kernel overlayfs here: ${made.stderr}`)
  const theirs = python(STEPS, kernel)
  assert.equal(theirs.stderr, '')
  assert.deepEqual(ours.stdout.split('\n'), theirs.stdout.split('\n'))
})

test('what is set aside is kept for its writer, and a mapped write over the limit is told at fsync', needsRoot, (t) => {
  const w = workspace(t)
  mounted(w, 'size=1M')
  const script = `
import os, sys, mmap, ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(sys.argv[1])
def allocate(fd, mode, at, length):
    return 0 if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(length)) == 0 else ctypes.get_errno()
a = os.open('kept', os.O_CREAT | os.O_RDWR)
print(allocate(a, 0, 0, 600 << 10), allocate(a, 0, 0, 2 << 20) == errno.ENOSPC)
b = os.open('fills', os.O_CREAT | os.O_WRONLY)
try:
    while True: os.write(b, b'f' * 5000)
except OSError as e: print(e.errno == errno.ENOSPC)
print(os.pwrite(a, b'k' * (600 << 10), 0) == 600 << 10)
print(allocate(a, 3, 0, 300 << 10), os.write(b, b'g' * (100 << 10)) == 100 << 10)
c = os.open('sparse', os.O_CREAT | os.O_RDWR)
os.ftruncate(c, 1 << 20)
m = mmap.mmap(c, 1 << 20)
for page in range(0, 1 << 20, 4096): m[page] = 1
try:
    m.flush(); print('no error')
except OSError as e: print(e.errno == errno.ENOSPC)
`
  const { stdout, stderr } = python(script, w.merged)
  assert.equal(stderr, '')
  assert.equal(stdout, '0 True\nTrue\nTrue\n0 True\nTrue\n')
  assert.ok(agrees(w).usedBytes! <= MIB)
})

test('a mount without a limit gets one while it is used, and is told what keeps it from that', needsRoot, (t) => {
  const w = workspace(t)
  mounted(w, 'data=passthrough')
  assert.equal(limitOf(w).usedBytes, null)
  const file = openSync(join(w.merged, 'open'), 'w')
  writeSync(file, 'x')
  const [{ Engine: engine }] = JSON.parse(w.run('inspect', w.merged).stdout)
  if (engine.Data.Mode === 'passthrough') {
    const refused = w.run('limit', w.merged, '--size', '1M')
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /files of the upper are open, which the kernel writes to by itself: \/open; close/)
  }
  closeSync(file)
  const report = limitOf(w, '--size', '1M')
  assert.equal(report.size, MIB)
  assert.equal(
    code(() => writeFileSync(join(w.merged, 'large'), Buffer.alloc(2 * MIB))),
    'ENOSPC',
  )
  agrees(w)
  assert.equal(w.run('limit', w.merged, '--size', 'much').status, 2)
  const [{ Engine: now }] = JSON.parse(w.run('inspect', w.merged).stdout)
  assert.equal(now.Limit.Size, MIB)
  assert.match(
    w.run('limit', w.merged).stdout,
    /^size {4}\S+ \S+ used of 1\.05 MB, \d+ %\ninodes {2}\d+ used, no limit\n$/,
  )
  assert.equal(limitOf(w, '--size', '0').size, null)
  writeFileSync(join(w.merged, 'large'), Buffer.alloc(2 * MIB))
})

test('an upper that holds much is counted beside the mount, and writers wait for that', needsRoot, async (t) => {
  const w = workspace(t)
  const fill = 'for d in $(seq 60); do mkdir d$d; (cd d$d; seq 60 | xargs touch; echo text > 1); done'
  spawnSync('sh', ['-ec', fill], { cwd: w.upper })
  mounted(w, 'size=100M')
  writeFileSync(join(w.merged, 'd1/new'), 'new')
  agrees(w)
  // While it is counted anew things are moved, made and removed.
  const busy = spawn('sh', ['-c', 'while :; do mv d1 m; mkdir m/x; echo t > m/x/y; rm -r m/x; mv m d1; done'], {
    cwd: w.merged,
    stdio: 'ignore',
  })
  for (let i = 0; i < 3; i++) assert.equal(limitOf(w, '--recount').size, 100 * MIB)
  busy.kill('SIGKILL')
  await new Promise((resolve) => busy.once('exit', resolve))
  agrees(w)
})

test('snapshots count, whatever becomes of them, and the change log goes on over them', needsRoot, (t) => {
  const w = workspace(t)
  const options = `${w.options},size=4m,changelog=1`
  const run = (...words: string[]): string => {
    const { status, stdout, stderr } = w.run(...words)
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
    return stdout
  }
  const write = (name: string, kib: number): void => writeFileSync(join(w.merged, name), Buffer.alloc(kib << 10, 1))
  run('mount', '-o', options, w.merged)
  write('one', 1000)
  run('snapshot', 'create', w.merged, 's1')
  write('one', 1500)
  rmSync(join(w.merged, 'a'))
  run('snapshot', 'create', w.merged, 's2')
  assert.ok(agrees(w).usedBytes! > 2500 << 10)
  // What is removed is still in the snapshots.
  rmSync(join(w.merged, 'one'))
  assert.throws(() => write('two', 2000), { code: 'ENOSPC' })
  agrees(w)
  run('snapshot', 'restore', w.merged, 's2', '--discard')
  agrees(w)
  write('three', 100)
  run('snapshot', 'restore', w.merged, 's1')
  agrees(w)
  run('snapshot', 'rm', w.merged, 'before-restore-s1')
  run('snapshot', 'rm', w.merged, 's2')
  assert.ok(agrees(w).usedBytes! < 1500 << 10)
  write('four', 2000)
  run('unmount', w.merged)
  run('mount', '-o', options, w.merged)
  agrees(w)
  write('five', 1)
  const { changes } = JSON.parse(run('log', w.merged, '--json', '--since', 's1'))
  const told = changes.map(({ change, path }: Record<string, unknown>) => `${change} ${path}`)
  // Where the tree became another one at once the log has a gap; a remount makes none.
  const all =
    'changed /one,removed /a,removed /one,created /two,lost null,created /three,lost null,created /four,created /five'
  assert.deepEqual(
    told.filter((each: string) => each !== 'changed /two'),
    all.split(','),
  )
  assert.match(w.run('log', w.merged, '--since', 'none').stderr, /a snapshot: .* has no snapshot none/)
})
