/** What a directory tree holds, as text that can be compared: for the model test of snapshots. */
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { AT_FDCWD } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'

/**
 * Path below `root` to all that is to be equal: type, mode, owner, content, attributes, and which names are one file.
 */
export function contentsOf(root: string): Map<string, string> {
  const groups = new Map<bigint, string>()
  return new Map(entriesOf(root).map(([path, stat]) => [path, wordsOf(root, path, stat, groups)]))
}

/**
 * Path to inode number and times: what is the same as long as nobody changes anything. Of `symlinks` only root's marks
 * keep the number.
 */
export function identitiesOf(root: string, symlinks: boolean): Map<string, string> {
  return new Map(
    entriesOf(root)
      .filter(([, stat]) => symlinks || !stat.isSymbolicLink())
      .map(([path, stat]) => [path, `${stat.ino} ${stat.mtimeNs} ${stat.isDirectory() ? '' : stat.nlink}`]),
  )
}

/** Times alone, for a tree whose inodes are others. */
export function timesOf(root: string): Map<string, string> {
  return new Map(entriesOf(root).map(([path, stat]) => [path, String(stat.mtimeNs)]))
}

function entriesOf(root: string): [string, BigIntStats][] {
  const found: [string, BigIntStats][] = []
  const visit = (path: string): void => {
    const stat = lstatSync(join(root, path), { bigint: true })
    found.push([path, stat])
    if (stat.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(join(path, name))
  }
  visit('.')
  return found
}

function wordsOf(root: string, path: string, stat: BigIntStats, groups: Map<bigint, string>): string {
  const full = join(root, path)
  const { mode, uid, gid, rdev } = stat
  const words = [mode.toString(8), `${uid}:${gid}`, attributesOf(full)]
  if (stat.isDirectory()) return words.join(' ')
  const first = stat.nlink > 1n ? (groups.get(stat.ino) ?? path) : ''
  if (stat.nlink > 1n) groups.set(stat.ino, first)
  words.push(`links ${stat.nlink} ${first}`)
  if (stat.isFile()) words.push(readFileSync(full).toString('hex'))
  if (stat.isSymbolicLink()) words.push(readlinkSync(full))
  if (stat.isCharacterDevice() || stat.isBlockDevice()) words.push(String(rdev))
  return words.join(' ')
}

function attributesOf(path: string): string {
  const names = native.listxattr(AT_FDCWD, path)
  if (typeof names === 'number') return ''
  const own = names.filter((name) => name.startsWith('user.') && !name.startsWith('user.overlay.')).sort()
  return own.map((name) => `${name}=${Buffer.from(native.getxattr(AT_FDCWD, path, name) as Uint8Array)}`).join(',')
}

const SHOWN = 200

/** The first paths in which two trees differ, in words, each from where it does; '' where they are equal. */
export function differences(a: Map<string, string>, b: Map<string, string>): string {
  const paths = [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path))
  return paths
    .slice(0, 8)
    .map((path) => {
      const [one, other] = [a, b].map((tree) => tree.get(path) ?? 'absent') as [string, string]
      const at = Math.max(0, firstDifference(one, other) - SHOWN)
      const shown = (words: string): string => `${words.length}, from ${at}: ${words.slice(at, at + 2 * SHOWN)}`
      return `${path}:\n  ${shown(one)}\n  ${shown(other)}`
    })
    .join('\n')
}

function firstDifference(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at
}
