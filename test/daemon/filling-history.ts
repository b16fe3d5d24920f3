/**
 * A process that does the same by chance to a large file of a mount, which is copied up meanwhile, and to a plain file:
 * all that is read of both must be the same. Arguments: the mount's file, the plain one, a seed, how many acts. It ends
 * with what the file is then, as JSON: its mtime must outlast its way into the upper.
 */
import assert from 'node:assert/strict'
import { chmodSync, fstatSync, ftruncateSync, readFileSync, renameSync, statSync, utimesSync } from 'node:fs'
import * as c from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Chance } from '../syscalls/chance.js'
import { ok } from '../syscalls/support.js'

const [mounted, plain, seed, acts] = process.argv.slice(2) as [string, string, string, string]
const chance = new Chance(Number(seed))
const SIZE = statSync(plain).size
const ALIGNED = 4096

interface Pair {
  readonly filled: number
  readonly plain: number
}

const open = (path: string, flags: number): number => ok(native.openat(c.AT_FDCWD, path, flags, 0))
const pair = (flags: number): Pair => ({ filled: open(mounted, flags), plain: open(plain, flags) })

/** What both answer to `run`, which must be the same. */
function both(of: Pair, what: string, run: (fd: number) => number): void {
  assert.equal(run(of.filled), run(of.plain), what)
}

function compare(of: Pair, at: number, length: number): void {
  const one = Buffer.alloc(length)
  const other = Buffer.alloc(length)
  assert.equal(native.pread(of.filled, one, 0, length, at), native.pread(of.plain, other, 0, length, at), `at ${at}`)
  assert.ok(one.equals(other), `content at ${at}, ${length} bytes`)
}

function write(of: Pair, at: number, length: number): void {
  const bytes = Buffer.alloc(length, chance.below(255) + 1)
  both(of, `write at ${at}`, (fd) => native.pwrite(fd, bytes, 0, length, at))
}

const opens: Pair[] = [pair(c.O_RDWR), pair(c.O_RDONLY)]
const appending = pair(c.O_RDWR | c.O_APPEND)
const main = opens[0]!

/** Whoever has it open for reading sees what is written, also where that came first. */
function reader(): Pair {
  const at = 1 + chance.below(opens.length - 1)
  if (chance.below(8) === 0 && opens.length < 6) opens.push(pair(c.O_RDONLY))
  return opens[at]!
}

function cut(size: number): void {
  for (const fd of [main.filled, main.plain]) ftruncateSync(fd, size)
}

function change(which: number): void {
  if (which === 0) for (const path of [mounted, plain]) chmodSync(path, 0o640)
  else if (which === 1) for (const path of [mounted, plain]) utimesSync(path, 1_000_000_000, 1_100_000_000)
  else if (which === 2) cut(SIZE + chance.below(1 << 20))
  else if (which === 3) cut(SIZE - chance.below(8 << 20))
  else both(main, 'setxattr', (fd) => native.setxattr(fd, '', 'user.a', Buffer.from(`${which}`), 0))
}

function act(): void {
  const at = chance.below(SIZE + (1 << 20))
  const length = 1 + (chance.below(5) === 0 ? chance.below(1 << 19) : chance.below(9000))
  const from = at - (at % ALIGNED) + chance.below(2)
  const which = chance.below(100)
  if (which < 40) write(main, at, length)
  else if (which < 70) compare(chance.below(2) === 0 ? main : reader(), at, length)
  else if (which < 78) write(appending, 0, 1 + chance.below(5000))
  else if (which < 88) compare(main, fstatSync(main.plain).size - 20_000, 30_000)
  else if (which < 93) both(main, 'punch', (fd) => native.fallocate(fd, 3, from, length))
  else if (which < 94) both(main, 'allocate', (fd) => native.fallocate(fd, 0, at, length))
  else if (which < 99) assert.equal(fstatSync(main.filled).size, fstatSync(main.plain).size, 'size')
  else change(chance.below(7))
}

for (let step = 0; step < Number(acts); step++) {
  try {
    act()
  } catch (error) {
    throw new Error(`seed ${seed}, step ${step}`, { cause: error })
  }
}
// A rename waits until it is whole.
if (chance.below(2) === 0) {
  renameSync(mounted, `${mounted}.moved`)
  renameSync(`${mounted}.moved`, mounted)
}
const before = fstatSync(main.filled, { bigint: true })
assert.equal(native.fsync(main.filled), 0)
const after = statSync(mounted, { bigint: true })
assert.equal(after.mtimeNs, before.mtimeNs, 'mtime over its way into the upper')
assert.equal(after.ino, before.ino)
assert.equal(after.nlink, 1n)
assert.ok(readFileSync(mounted).equals(readFileSync(plain)), 'the whole of it')
for (const one of [...opens, appending]) compare(one, SIZE >> 1, 70_000)
process.stdout.write(JSON.stringify({ mtime: String(after.mtimeNs), mode: Number(after.mode) }))
