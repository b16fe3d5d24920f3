/**
 * The kernel's table of mounts, as this process sees it: the truth about what is mounted where. Asked instead of the
 * mountpoint itself, because a mount whose engine is busy or dead cannot be asked. Paths are latin1 strings.
 */
import { readFileSync } from 'node:fs'
import { shown } from '../../base/text.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'

export interface MountEntry {
  readonly id: number
  /** `major:minor` of the filesystem: the same in every namespace and for every bind mount of it. */
  readonly device: string
  /** Which directory of the filesystem is mounted; `/` but for bind mounts. */
  readonly root: string
  readonly mountpoint: string
  readonly type: string
  readonly source: string
}

/** Every mount, in the kernel's order: of those on one mountpoint the last is on top. */
export function readMounts(): MountEntry[] {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'latin1'))
}

/** The lines of a mountinfo file. Pure. */
export function parseMounts(text: string): MountEntry[] {
  const entries: MountEntry[] = []
  for (const line of text.split('\n')) {
    const [before = '', after] = line.split(' - ')
    if (after === undefined) continue
    const [id, , device = '', root = '', mountpoint = ''] = before.split(' ')
    const [type = '', source = ''] = after.split(' ')
    entries.push({
      id: Number(id),
      device,
      root: plain(root),
      mountpoint: plain(mountpoint),
      type,
      source: plain(source),
    })
  }
  return entries
}

/** The words of the mount's own flags and of its filesystem's, of what is mounted on `path`, topmost. */
export function mountWords(path: string, text = readFileSync('/proc/self/mountinfo', 'latin1')): string[] {
  const line = text.split('\n').findLast((each) => plain(each.split(' ')[4] ?? '') === path)
  if (line === undefined) return []
  const [before = '', after = ''] = line.split(' - ')
  const [, , , , , own = ''] = before.split(' ')
  const [, , filesystems = ''] = after.split(' ')
  return [...own.split(','), ...filesystems.split(',')]
}

/** Space, tab, newline and backslash are written as `\040` and so on. */
function plain(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_whole, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** What is mounted on `path` now, topmost; undefined when nothing is. Most of the table is not looked at. */
function mountedNow(path: string): MountEntry | undefined {
  const text = readFileSync('/proc/self/mountinfo', 'latin1')
  // A name that is written as it is stands between two spaces; others are found by reading every line.
  const isPlain = !/[ \t\n\\]/.test(path)
  return mountedOn(path, parseMounts(isPlain ? linesWith(text, ` ${path} `) : text))
}

/**
 * The device (`major:minor`) of the filesystem that is mounted on `path`, topmost; null when nothing is. The kernel
 * tells it of the one path where it can, so a thousand other mounts do not matter.
 */
export function deviceOn(path: string): string | null {
  const found = native.mountRoot(path)
  if (found === 1) return `${native.stat[Stat.DEV_MAJOR]!}:${native.stat[Stat.DEV_MINOR]!}`
  return found === 0 ? null : (mountedNow(path)?.device ?? null)
}

/** The lines of `text` that have `words` in them. */
function linesWith(text: string, words: string): string {
  const lines: string[] = []
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at)) {
    const end = text.indexOf('\n', at)
    lines.push(text.slice(text.lastIndexOf('\n', at) + 1, end < 0 ? text.length : end))
    at = end < 0 ? text.length : end
  }
  return lines.join('\n')
}

/** What is mounted on `path` itself, topmost; undefined when nothing is. */
export function mountedOn(path: string, mounts: readonly MountEntry[]): MountEntry | undefined {
  return mounts.findLast((entry) => entry.mountpoint === path)
}

/** The mount that an absolute, resolved `path` lies in. */
export function mountHolding(path: string, mounts: readonly MountEntry[]): MountEntry | undefined {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    const entry = mountedOn(at, mounts)
    if (entry !== undefined || at === '/') return entry
  }
}

/**
 * Whether this entry is a union of ours by its type, or, by engine=hybrid, by its source; one with another `subtype` or
 * `fsname` is known by its state file only.
 */
export function isOurType(entry: MountEntry): boolean {
  return entry.type === 'fuse.stratafs' || (entry.type === 'overlay' && entry.source === 'stratafs')
}

/** Where a kernel overlay with the upper directory `upper` is mounted; undefined: nowhere here. */
export function overlayOver(upper: string, text = readFileSync('/proc/self/mountinfo', 'latin1')): string | undefined {
  const lines = linesWith(text, ' - overlay ')
    .split('\n')
    .map((line) => line.split(' - '))
  const found = lines.find(([, after]) => {
    const [type, , options = ''] = after?.split(' ') ?? []
    return type === 'overlay' && options.split(',').some((word) => plain(word) === `upperdir=${upper}`)
  })
  return found === undefined ? undefined : plain(found[0]!.split(' ')[4] ?? '')
}

/** That a mount on `path` covers one of ours, in a sentence; null where it does not. */
export function coveredMount(path: string): string | null {
  if (deviceOn(path) === null) return null
  const under = mountedNow(path)
  if (under === undefined || !isOurType(under)) return null
  return `a stratafs mount is on ${shown(path)} already: this one covers it until it is unmounted`
}
