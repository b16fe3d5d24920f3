/**
 * Random histories: lists of operations over a few names, so that they meet often, put to two filesystems in step. Each
 * operation's result is its error name, or what it read; both sides must agree at each step.
 */
import fc from 'fast-check'
import { RENAME, S } from '../conformance/numbers.js'
import { CallFailed, type Probe } from '../conformance/probe.js'
import { dir, fifo, file, hardlink, symlink, type Tree, whiteout } from '../conformance/tree.js'

/** Layers in which every name of the histories is something, somewhere. */
export const lowers: readonly Tree[] = [
  { a: file('a0'), d: dir({ mode: 0o750 }), 'd/a': file('da0'), 'd/c': whiteout(), s: symlink('d/a'), p: fifo() },
  { b: file('b1'), 'd/b': file('db1'), 'd/c': file('dc1'), 'e/f/a': file('efa'), c: file('c1'), 'e/c': hardlink('c') },
  { a: file('a2'), 'd/f/a': file('dfa'), 'd/s': dir(), f: dir() },
]

const PATHS = [
  'a',
  'b',
  'c',
  'd',
  'e',
  'f',
  's',
  'p',
  'd/a',
  'd/b',
  'd/c',
  'd/f',
  'd/f/a',
  'd/s',
  'e/c',
  'e/f',
  'e/f/a',
  'f/a',
]

export type Step = readonly [operation: keyof typeof operations, path: string, other: string, value: number]

const flagsOf = (value: number): number => [0, 0, RENAME.NOREPLACE, RENAME.EXCHANGE][value % 4]!

const MODES = [0o600, 0o644, 0o755, 0o700]

const operations = {
  write: (fs: Probe, path: string, _: string, value: number) => fs.write(path, `w${value}`),
  append: (fs: Probe, path: string, _: string, value: number) => fs.append(path, `+${value}`),
  read: (fs: Probe, path: string) => (fs.stat(path).type === 'fifo' ? 'fifo' : fs.read(path)),
  list: (fs: Probe, path: string) => fs.names(path).join(),
  stat: (fs: Probe, path: string) => described(fs, path),
  mkdir: (fs: Probe, path: string) => fs.mkdir(path, 0o755),
  rmdir: (fs: Probe, path: string) => fs.rmdir(path),
  unlink: (fs: Probe, path: string) => fs.unlink(path),
  removetree: (fs: Probe, path: string) => fs.removetree(path),
  rename: (fs: Probe, path: string, other: string, value: number) => fs.rename(path, other, flagsOf(value)),
  link: (fs: Probe, path: string, other: string) => fs.link(path, other),
  symlink: (fs: Probe, path: string, other: string) => fs.symlink(other, path),
  mkfifo: (fs: Probe, path: string) => fs.mknod(path, S.IFIFO | 0o644),
  chmod: (fs: Probe, path: string, _: string, value: number) => fs.chmod(path, MODES[value % 4]!),
  chown: (fs: Probe, path: string, _: string, value: number) => fs.chown(path, value, value),
  truncate: (fs: Probe, path: string, _: string, value: number) => fs.truncate(path, value % 5),
  setxattr: (fs: Probe, path: string, _: string, value: number) => fs.setxattr(path, `user.x${value % 3}`, `${value}`),
  removexattr: (fs: Probe, path: string, _: string, value: number) => fs.removexattr(path, `user.x${value % 3}`),
} as const

function described(fs: Probe, path: string): string {
  const stat = fs.stat(path)
  const links = stat.type === 'dir' ? '' : `${stat.nlink} ${stat.size}`
  return `${stat.type} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${links}`
}

/** Opening a FIFO would wait for the other end. */
function isWaiting(fs: Probe, [operation, path]: Step): boolean {
  if (!['write', 'append', 'read'].includes(operation)) return false
  return fs.exists(path) && fs.stat(path).type === 'fifo'
}

/** What the step gave: a value, `ok`, or the error's name. */
export function perform(fs: Probe, step: Step): string {
  const [operation, path, other, value] = step
  try {
    if (isWaiting(fs, step)) return 'left out'
    return operations[operation](fs, path, other, value) ?? 'ok'
  } catch (error) {
    if (error instanceof CallFailed) return error.code
    throw error
  }
}

/** Histories of up to `length` steps. */
export function histories(length: number): fc.Arbitrary<Step[]> {
  const path = fc.constantFrom(...PATHS)
  const operation = fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[]))
  return fc.array(fc.tuple(operation, path, path, fc.nat({ max: 99 })), { minLength: 5, maxLength: length })
}
