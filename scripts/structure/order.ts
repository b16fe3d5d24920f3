/**
 * The order of the rooms of src/: an import may point only down ORDER, or stay within its own room. That keeps the
 * engine testable without a mount, and a second transport possible. Only syscalls/ knows the addon.
 */
import { basename, dirname, sep } from 'node:path'
import { readSource, type Source, sourceFiles, targetOf } from './sources.js'

/**
 * The rooms of src/, top first. `src` is the library's entry; a folder's own files are a room beside its sub-folders.
 */
const ORDER = [
  'cli',
  'cli/image',
  'cli/mounts',
  'cli/contents',
  'cli/explore',
  'cli/snapshot',
  'cli/layer',
  'cli/commands',
  'cli/snapshotter',
  'cli/mount',
  'cli/documents',
  'cli/terminal',
  'cli/template',
  'src',
  'explore/page',
  'explore/page/parts',
  'explore/server',
  'explore',
  'explore/views',
  'explore/database',
  'explore/sources',
  'library/branches',
  'library/live',
  'library',
  'library/offline',
  'snapshotter',
  'snapshotter/metrics',
  'snapshotter/diff',
  'snapshotter/service',
  'snapshotter/mounts',
  'snapshotter/layers',
  'snapshotter/records',
  'snapshotter/wire',
  'oci/bundle',
  'oci/commit',
  'oci/contents',
  'oci/store',
  'oci/image',
  'oci/apply',
  'oci/tar',
  'oci/encoding',
  'oci/changes',
  'daemon/host',
  'daemon/deferred',
  'daemon/process',
  'daemon/service',
  'daemon/control',
  'daemon/hybrid',
  'daemon/hybrid/image',
  'daemon/engine',
  'daemon/keeper',
  'daemon/mount',
  'daemon/options',
  'transport',
  'transport/fuse-native',
  'session',
  'operations',
  'union',
  'union/recovery',
  'union/snapshot',
  'union/restack',
  'union/entries',
  'union/copy-up',
  'union/lookup',
  'union/data',
  'union/limit',
  'union/read-ahead',
  'union/context',
  'union/nodes',
  'union/state',
  'owner-index',
  'owner-index/writer',
  'owner-index/engine',
  'owner-index/build',
  'owner-index/layer-rows',
  'owner-index/database',
  'stack',
  'snapshots',
  'layers',
  'syscalls',
  'protocol',
  'erofs',
  'base',
] as const

/** The room that the file at `path` (relative to the root) lies in. */
function roomOf(path: string): string {
  return path === `src${sep}index.ts` ? 'src' : dirname(path).split(sep).slice(1).join('/')
}

/** Position of a file in ORDER; -1 where its room has no place. */
function levelOf(path: string): number {
  return (ORDER as readonly string[]).indexOf(roomOf(path))
}

/** What is wrong with one import, or null. `file` and `target` are relative to the root. */
export function judgeImport(file: string, target: string): string | null {
  if (target.includes('native-bindings')) {
    return file.startsWith(`src${sep}syscalls${sep}`)
      ? null
      : `${file}: only src/syscalls imports the addon (${target})`
  }
  // Read at run time, relative to the compiled file.
  if (basename(target) === 'package.json') return null
  if (!target.startsWith(`src${sep}`)) return `${file}: imports ${target}, outside src`
  if (levelOf(target) >= levelOf(file)) return null
  return `${file}: imports ${target}, and ${roomOf(target)}/ is above ${roomOf(file)}/ (scripts/structure/order.ts)`
}

/** Every import of `src` that breaks the order, one line each; also rooms that have no place in it. */
export function checkOrder(root: string): string[] {
  const faults: string[] = []
  for (const file of sourceFiles(root, 'src')) {
    if (levelOf(file) < 0) faults.push(`${file}: its folder has no place in the order (scripts/structure/order.ts)`)
    for (const { specifier } of readSource(root, file).imports) {
      const fault = judgeImport(file, targetOf(root, file, specifier))
      if (fault !== null) faults.push(fault)
    }
  }
  return faults
}

/**
 * Files that import each other in a circle, types included: one line for each circle that is met. `files`: path to
 * source.
 */
export function findCircles(root: string, files: ReadonlyMap<string, Source>): string[] {
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file)
    if (at >= 0) circles.push(`${[...way.slice(at), file].join(' -> ')}: a circle of imports`)
    if (at >= 0 || done.has(file)) return
    for (const { specifier } of files.get(file)?.imports ?? []) visit(targetOf(root, file, specifier), [...way, file])
    done.add(file)
  }
  for (const file of files.keys()) visit(file, [])
  return circles
}
