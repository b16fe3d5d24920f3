/**
 * System calls that Node lacks and that a program of every Linux system makes: mknod, touch (nanoseconds), flock, sync,
 * umount. Each starts a process, so they are kept for what is rare. A program runs in the directory that the call
 * names, or is handed the open file as descriptor 3. So no path is ever spelt out.
 */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process'
import { Errno } from '../base/errno.js'
import { shown } from '../base/text.js'

const LOCK_SHARED = 1
const LOCK_NON_BLOCKING = 4
const UNLOCK = 8
const DETACH = 2

/** Runs a program; its exit status, or -1 where it could not be started. */
function run(
  program: string,
  words: readonly string[],
  options: SpawnSyncOptions = {},
): { status: number; said: string } {
  const { status, stderr } = spawnSync(program, words, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    ...options,
  })
  return { status: status ?? -1, said: String(stderr ?? '') }
}

/** Programs take names as text: one that is not UTF-8 cannot be handed over. */
const isText = (name: string): boolean => !shown(name).includes('\ufffd')

const within = (fd: number): SpawnSyncOptions => ({ cwd: `/proc/self/fd/${fd}` })
const withFile = (fd: number): SpawnSyncOptions => ({ stdio: ['ignore', 'ignore', 'pipe', fd], cwd: '/' })

/** A FIFO (`p`), or a device (`c`, `b`) with its numbers. */
export function mknod(fd: number, name: string, mode: number, kind: string, numbers: readonly number[]): number {
  if (!isText(name)) return -Errno.EOPNOTSUPP
  const permissions = (mode & 0o777).toString(8)
  const words = ['-m', permissions, '--', shown(name), kind, ...numbers.map(String)]
  return run('mknod', words, within(fd)).status === 0 ? 0 : -Errno.EPERM
}

/** Sets the modification time to the nanosecond; where that does not succeed the time stays as it was set before. */
export function touch(fd: number, name: string, ns: bigint): void {
  const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const time = `@${(ns - rest) / 1_000_000_000n}.${String(rest).padStart(9, '0')}`
  if (name === '') run('touch', ['-c', '-m', '-d', time, '/proc/self/fd/3'], withFile(fd))
  else if (isText(name)) run('touch', ['-c', '-h', '-m', '-d', time, '--', shown(name)], within(fd))
}

/** The lock belongs to the open file, so it stays when flock(1) has ended. */
export function flock(fd: number, operation: number): number {
  const kind = (operation & UNLOCK) !== 0 ? '-u' : (operation & LOCK_SHARED) !== 0 ? '-s' : '-x'
  const words = [kind, ...((operation & LOCK_NON_BLOCKING) !== 0 ? ['-n'] : []), '3']
  const { status } = run('flock', words, withFile(fd))
  if (status === 0) return 0
  return status === 1 ? -Errno.EAGAIN : -Errno.ENOSYS
}

/** Brings a filesystem's changes to disk. */
export function syncfs(fd: number): number {
  return run('sync', ['-f', '.'], within(fd)).status === 0 ? 0 : -Errno.EIO
}

/** As umount2(2) with MNT_DETACH (2) or none: 0, -EBUSY, or -EPERM where it takes another program. */
export function umount(target: string, flags: number): number {
  const { status, said } = run('umount', [...((flags & DETACH) !== 0 ? ['-l'] : []), '--', shown(target)], { cwd: '/' })
  if (status === 0) return 0
  if (/busy/i.test(said)) return -Errno.EBUSY
  return /not mounted|no mount point/i.test(said) ? -Errno.EINVAL : -Errno.EPERM
}
