/** `stratafs snapshot`, and what other commands make of a mount that has some. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, needsRoot, type Workspace, workspace } from '../daemon/harness.js'

function mounted(t: TestContext, options = ''): Workspace {
  const w = workspace(t)
  const { status, stderr } = w.run('mount', '-o', w.options + options, w.merged)
  assert.equal(status, 0, stderr)
  return w
}

function done(w: Workspace, ...args: string[]): string {
  const { status, stdout, stderr } = w.run(...args)
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

function refused(w: Workspace, ...args: string[]): string {
  const { status, stderr } = w.run(...args)
  assert.notEqual(status, 0, args.join(' '))
  return stderr
}

const at = (w: Workspace, name: string): string => join(w.merged, name)

test('made, listed, shown, compared, committed', needsRoot, (t) => {
  const w = mounted(t)
  writeFileSync(at(w, 'a'), 'changed')
  mkdirSync(at(w, 'new'))
  writeFileSync(at(w, 'new/one'), 'one')
  const layer = (name: string, ...more: string[]): string =>
    JSON.parse(done(w, 'commit', w.merged, '--output', join(w.root, name), '--json', ...more)).diffID
  const before = layer('before.tar')
  const list = done(w, 'diff', w.merged)
  assert.equal(done(w, 'snapshot', 'create', w.merged, 'first', '-m', 'as it was'), 'first\n')
  // A snapshot is no change: neither for a layer nor for a list.
  assert.equal(layer('after.tar'), before)
  assert.deepEqual(lettersOf(done(w, 'diff', w.merged)), lettersOf(list))
  assert.equal(done(w, 'snapshot', 'diff', w.merged, 'first'), '')
  rmSync(at(w, 'b'))
  appendFileSync(at(w, 'new/one'), ' more')
  done(w, 'snapshot', 'create', w.merged, 'second')
  writeFileSync(at(w, 'later'), 'later')
  assert.deepEqual(lettersOf(done(w, 'snapshot', 'diff', w.merged, 'first', 'second')), [
    'D /b',
    'C /new',
    'C /new/one',
  ])
  assert.deepEqual(lettersOf(done(w, 'snapshot', 'diff', w.merged, 'second')), ['A /later'])
  assert.match(refused(w, 'snapshot', 'diff', w.merged, 'second', 'first'), /name the older one first/)
  assert.equal(layer('kept.tar', '--snapshot', 'first'), before)
  const { snapshots } = JSON.parse(done(w, 'snapshot', 'list', w.merged, '--json'))
  const told = snapshots.map(({ name, parent, message }: Record<string, unknown>) => [name, parent, message])
  assert.deepEqual(told, [
    ['first', null, 'as it was'],
    ['second', 'first', null],
  ])
  const shown = JSON.parse(done(w, 'snapshot', 'show', w.merged, 'first', '--json'))
  assert.equal(shown.lowerdir, `${join(w.work, 'snapshots/1')}:${w.top}:${w.base}`)
  assert.equal(readFileSync(join(shown.path, 'new/one'), 'utf8'), 'one')
})

/** `C /a` of each line. */
function lettersOf(text: string): string[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^(\w) .*?(\/\S*).*$/, '$1 $2')]))
}

test('what cannot be is said, with nothing done', needsRoot, (t) => {
  const w = mounted(t)
  const create = (...args: string[]): string => refused(w, 'snapshot', 'create', w.merged, ...args)
  assert.match(create('a b'), /cannot be the name of a snapshot: give one of 1 to 128/)
  done(w, 'snapshot', 'create', w.merged, 'one')
  assert.match(create('one'), /there is a snapshot one already/)
  assert.match(refused(w, 'snapshot', 'show', w.merged, 'two'), /there is no snapshot two: `stratafs snapshot list`/)
  assert.match(refused(w, 'snapshot', 'list', w.root), /is not a stratafs mount/)
  // The new upper is held as the last one was.
  const other = `lowerdir=${w.base},upperdir=${w.upper},workdir=${join(w.root, 'other')}`
  mkdirSync(join(w.root, 'other'))
  mkdirSync(join(w.root, 'second'))
  assert.match(refused(w, 'mount', '-o', other, join(w.root, 'second')), /is in use by/)
  done(w, 'unmount', w.merged)
  // Without its snapshots the upper would show a part of the tree.
  assert.match(refused(w, 'mount', '-o', other, w.merged), /stands on snapshot 1, which the workdir does not have/)
  done(w, 'mount', '-o', `${w.options},ro`, w.merged)
  assert.equal(readFileSync(at(w, 'a'), 'utf8'), 'top a\n')
  assert.match(create('two'), /the mount is read-only/)
})

test('back to a snapshot, and forward again', needsRoot, (t) => {
  const w = mounted(t)
  writeFileSync(at(w, 'new'), 'first')
  done(w, 'snapshot', 'create', w.merged, 'one')
  rmSync(at(w, 'a'))
  writeFileSync(at(w, 'new'), 'second')
  assert.ok(!existsSync(at(w, 'later')))
  writeFileSync(at(w, 'later'), 'later')
  assert.equal(done(w, 'snapshot', 'restore', w.merged, 'one'), 'before-restore-one\n')
  const textOf = (name: string): string => readFileSync(at(w, name), 'utf8')
  assert.deepEqual(['a', 'new'].map(textOf), ['top a\n', 'first'])
  assert.ok(!existsSync(at(w, 'later')))
  writeFileSync(at(w, 'thrown away'), '')
  done(w, 'snapshot', 'restore', w.merged, 'before-restore-one', '--discard')
  assert.deepEqual(['later', 'new'].map(textOf), ['later', 'second'])
  assert.ok(!existsSync(at(w, 'a')) && !existsSync(at(w, 'thrown away')))
  done(w, 'snapshot', 'restore', w.merged, 'one', '--discard')
  done(w, 'snapshot', 'rm', w.merged, 'before-restore-one')
  assert.ok(!existsSync(join(w.work, 'snapshots/2')))
  done(w, 'unmount', w.merged)
  done(w, 'mount', '-o', w.options, w.merged)
  assert.equal(textOf('new'), 'first')
  const { snapshots } = JSON.parse(done(w, 'snapshot', 'list', w.merged, '--json'))
  assert.deepEqual(
    snapshots.map(({ name, below }: Record<string, unknown>) => [name, below]),
    [['one', true]],
  )
})

/** By mmap(2) itself: Python's own keeps a descriptor. */
const PYTHON = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
fd = os.open(sys.argv[1], os.O_RDWR)
at = libc.mmap(None, ctypes.c_size_t(4096), 3, 1, fd, ctypes.c_long(0))
os.close(fd)
m = (ctypes.c_char * 4096).from_address(at)
m[0:6] = b'before'
os.write(1, b'ready\\n')
sys.stdin.readline()
m[0:6] = b'after!'
libc.msync(ctypes.c_void_p(at), ctypes.c_size_t(4096), 4)
os.write(1, b'done\\n')
sys.stdin.readline()
`

const hasPython = spawnSync('python3', ['-c', '']).status === 0
const mapping = hasPython ? needsRoot : { skip: 'needs python3, to map a file' }

for (const data of ['passthrough', 'cached'])
  test(`a mapping that outlives its descriptor writes to the present (${data})`, mapping, async (t) => {
    const w = mounted(t, `,data=${data}`)
    writeFileSync(at(w, 'mapped'), Buffer.alloc(4096, 0x20))
    const child = spawn('python3', ['-c', PYTHON, at(w, 'mapped')], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.after(() => child.kill())
    const says = async (): Promise<string> =>
      new Promise((resolve) => child.stdout.once('data', (text) => resolve(String(text))))
    const head = (path: string): string => readFileSync(path, 'latin1').slice(0, 6)
    assert.equal(await says(), 'ready\n')
    const made = JSON.parse(done(w, 'snapshot', 'create', w.merged, 'one', '--json'))
    assert.deepEqual(made.copied, data === 'passthrough' ? ['/mapped'] : [])
    const kept = join(w.work, 'snapshots/1/mapped')
    assert.equal(head(kept), 'before')
    child.stdin.write('\n')
    assert.equal(await says(), 'done\n')
    assert.equal(head(at(w, 'mapped')), 'after!')
    assert.equal(head(kept), 'before')
    child.kill()
    done(w, 'unmount', w.merged)
    done(w, 'mount', '-o', w.options, w.merged)
    assert.equal(head(at(w, 'mapped')), 'after!')
    assert.ok(!existsSync(join(w.work, 'snapshots/kept-1')))
  })

test('removed in the middle, by age and number, and below the present', needsRoot, (t) => {
  const w = mounted(t)
  for (const name of ['one', 'two', 'three', 'four']) {
    writeFileSync(at(w, 'changing'), name)
    writeFileSync(at(w, name), name)
    done(w, 'snapshot', 'create', w.merged, name)
  }
  const names = (): string[] =>
    JSON.parse(done(w, 'snapshot', 'list', w.merged, '--json')).snapshots.map(({ name }: { name: string }) => name)
  const removed = JSON.parse(done(w, 'snapshot', 'rm', w.merged, 'two', '--json'))
  assert.deepEqual(removed, { schemaVersion: 1, removed: 'two', done: true, why: null })
  assert.ok(!existsSync(join(w.work, 'snapshots/2')))
  assert.equal(readFileSync(join(w.work, 'snapshots/3/two'), 'utf8'), 'two')
  assert.deepEqual(lettersOf(done(w, 'snapshot', 'diff', w.merged, 'one', 'three')), [
    'C /changing',
    'A /three',
    'A /two',
  ])
  assert.match(refused(w, 'snapshot', 'prune', w.merged), /say --keep or --older-than/)
  assert.match(refused(w, 'snapshot', 'prune', w.merged, '--older-than', 'old'), /give one like 12h/)
  assert.equal(done(w, 'snapshot', 'prune', w.merged, '--keep', '1', '--dry-run'), 'one\nthree\n')
  assert.equal(done(w, 'snapshot', 'prune', w.merged, '--older-than', '1d'), '')
  assert.deepEqual(names(), ['one', 'three', 'four'])
  done(w, 'snapshot', 'prune', w.merged, '--keep', '1')
  assert.deepEqual(names(), ['four'])
  done(w, 'snapshot', 'rm', w.merged, 'four')
  const shows = (): string[] => ['changing', 'one', 'two', 'a'].map((name) => readFileSync(at(w, name), 'utf8'))
  assert.deepEqual(shows(), ['four', 'one', 'two', 'top a\n'])
  done(w, 'unmount', w.merged)
  done(w, 'mount', '-o', w.options, w.merged)
  assert.deepEqual(shows(), ['four', 'one', 'two', 'top a\n'])
  // The next mount has joined all with the upper.
  assert.equal(readFileSync(join(w.upper, 'one'), 'utf8'), 'one')
  assert.deepEqual(JSON.parse(readFileSync(join(w.work, 'snapshots/snapshots.json'), 'utf8')).snapshots, [])
})

test('branches: made, listed, merged, removed', needsRoot, async (t) => {
  const w = mounted(t)
  const [first, second, third] = ['first', 'second', 'third'].map((name) => join(w.root, name)) as [
    string,
    string,
    string,
  ]
  for (const place of [first, second, third]) mkdirSync(place)
  t.after(() => {
    for (const place of [third, second, first]) spawnSync('umount', ['-l', place])
  })
  writeFileSync(at(w, 'both'), 'at first')
  done(w, 'branch', 'create', w.merged, 'one', first)
  done(w, 'branch', 'create', w.merged, 'two', second, '--from', 'one')
  assert.match(refused(w, 'branch', 'create', w.merged, 'one', second), /there is a branch one already/)
  assert.match(refused(w, 'snapshot', 'rm', w.merged, 'one'), /branch (one|two) stands on snapshot one/)
  writeFileSync(join(first, 'both'), 'in the branch')
  writeFileSync(join(first, 'new'), 'new')
  rmSync(join(first, 'b'))
  assert.equal(readFileSync(at(w, 'both'), 'utf8'), 'at first')
  writeFileSync(at(w, 'both'), 'in the mount')
  const refusal = w.run('branch', 'merge', w.merged, 'one')
  assert.match(refusal.stderr, /\/both: changed in the mount, changed in the branch\n.*have both changed 1 path/s)
  assert.ok(refusal.status === 1 && !existsSync(at(w, 'new')))
  done(w, 'branch', 'merge', w.merged, 'one', '--ours')
  assert.deepEqual(
    ['both', 'new'].map((name) => readFileSync(at(w, name), 'utf8')),
    ['in the mount', 'new'],
  )
  assert.ok(!existsSync(at(w, 'b')) && existsSync(join(second, 'b')))
  // A branch of a branch.
  done(w, 'branch', 'create', second, 'deeper', third)
  writeFileSync(join(third, 'deep'), 'deep')
  done(w, 'branch', 'merge', second, 'deeper')
  assert.equal(readFileSync(join(second, 'deep'), 'utf8'), 'deep')
  assert.match(refused(w, 'branch', 'rm', w.merged, 'two'), /branch deeper branches off branch two/)
  done(w, 'branch', 'rm', second, 'deeper')
  done(w, 'unmount', second)
  done(w, 'branch', 'mount', w.merged, 'two', third)
  assert.equal(readFileSync(join(third, 'deep'), 'utf8'), 'deep')
  await mergedInPart(w, third)
  for (const name of ['one', 'two']) done(w, 'branch', 'rm', w.merged, name)
  assert.deepEqual(JSON.parse(done(w, 'branch', 'list', w.merged, '--json')).branches, [])
})

/** What is left where everything died in the middle of a merge comes to its end with the next mount. */
async function mergedInPart(w: Workspace, two: string): Promise<void> {
  for (const name of ['late', 'later']) writeFileSync(join(two, name), name)
  cpSync(join(two, 'late'), at(w, 'late'), { preserveTimestamps: true })
  const journal = join(w.work, 'branches/merging.json')
  writeFileSync(journal, JSON.stringify({ version: 1, branch: 'two', side: null, before: 'before-merge-one' }))
  assert.match(refused(w, 'branch', 'rm', w.merged, 'two'), /merged in part.*restore MERGED before-merge-one/s)
  // Changed in both meanwhile: what is in the mount stays.
  writeFileSync(join(two, 'deep'), 'deeper')
  writeFileSync(at(w, 'deep'), 'mine')
  for (const place of [two, w.merged]) done(w, 'unmount', place)
  done(w, 'mount', '-o', w.options, w.merged)
  await eventually(() => !existsSync(journal), 20_000)
  assert.deepEqual(
    ['late', 'later', 'deep'].map((name) => readFileSync(at(w, name), 'utf8')),
    ['late', 'later', 'mine'],
  )
}

test('a hard link of a lower group that lost the name it was known by keeps its own content', needsRoot, (t) => {
  const w = workspace(t)
  writeFileSync(join(w.base, 'j'), 'of both')
  linkSync(join(w.base, 'j'), join(w.base, 'k'))
  done(w, 'mount', '-o', w.options, w.merged)
  chmodSync(at(w, 'k'), 0o600)
  done(w, 'unmount', w.merged)
  done(w, 'mount', '-o', w.options, w.merged)
  // Known as k, then as j.
  for (const name of ['k', 'j']) statSync(at(w, name))
  renameSync(at(w, 'b'), at(w, 'k'))
  done(w, 'snapshot', 'create', w.merged, 'one')
  linkSync(at(w, 'j'), at(w, 'l'))
  const texts = ['j', 'k', 'l'].map((name) => readFileSync(at(w, name), 'utf8'))
  assert.deepEqual(texts, ['of both', 'base b\n', 'of both'])
  assert.equal(readFileSync(join(w.upper, 'l'), 'utf8'), 'of both')
})
