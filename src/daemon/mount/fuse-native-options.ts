/**
 * What libfuse 2.9 is told when fuse-native mounts: the mount's own words, and how long the kernel may believe an
 * answer. libfuse gives each path its own inode in the kernel, so two names of one file are not seen to change
 * together: names are cached as long as on the other transport, attributes never.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shown } from '../../base/text.js'
import { MountFlag, type MountSettings } from '../options/mount-settings.js'
import { findProgram, programOptions } from './mounter.js'

/** Seconds that stand for ever: a year. */
const FOR_EVER = 31_536_000

/** The option words. What root's mounts allow elsewhere has to be asked for: libfuse begins with nosuid and nodev. */
export function fuseNativeOptions(settings: MountSettings): string {
  const words = [shown(programOptions(settings)), 'use_ino', 'big_writes']
  const seconds = String(settings.timeout ?? FOR_EVER)
  words.push(`entry_timeout=${seconds}`, `negative_timeout=${seconds}`, 'attr_timeout=0')
  if (settings.autoUnmount) words.push('auto_unmount')
  if (process.getuid?.() !== 0) return words.join(',')
  words.push('nonempty')
  if ((settings.flags & MountFlag.NOSUID) === 0) words.push('suid')
  if ((settings.flags & MountFlag.NODEV) === 0) words.push('dev')
  return words.join(',')
}

/**
 * Runs `act` with a program called `fusermount` in PATH, which is the only name that libfuse 2.9 knows: on a host that
 * has fusermount3 alone, a link to it for as long.
 */
export async function withFusermount<T>(act: () => Promise<T>): Promise<T> {
  const path = process.env.PATH ?? ''
  const known = ['/usr/local/bin', ...path.split(':')].some((directory) => existsSync(join(directory, 'fusermount')))
  const program = known ? null : findProgram()
  if (program === null) return act()
  const directory = mkdtempSync(join(tmpdir(), 'stratafs-fusermount-'))
  try {
    symlinkSync(program, join(directory, 'fusermount'))
    process.env.PATH = `${directory}:${path}`
    return await act()
  } finally {
    process.env.PATH = path
    rmSync(directory, { recursive: true, force: true })
  }
}
