/** Stacks of directories: layers that are named, those of a mount, and their names. */

import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { findMount } from '../../daemon/control/find-mount.js'
import { resolveDir } from '../../daemon/mount/directories.js'
import { unanswered } from '../../daemon/mount/elsewhere.js'
import { nameLayers } from '../../library/layer-names.js'
import { absolute, type Path, toBytes, toText, unwrap } from '../../library/paths.js'
import type { Source, SourceLayer } from './types.js'

/** Layers as they are named: lowers top first. */
export interface NamedDirectories {
  readonly lower: readonly Path[]
  readonly names?: readonly string[] | undefined
  readonly upper?: Path | undefined
}

/** The layers that are named. Throws StratafsError for one that is none. */
export function directorySource({ lower, names = [], upper }: NamedDirectories): Source {
  const lowers = lower.map((path) => directory('lowerdir', path))
  const top = upper === undefined ? null : directory('upperdir', upper)
  return {
    kind: 'directories',
    title: lower.map(toText).join(':'),
    words: wordsOf(lowers, names, top),
    layers: stackOf(lowers, names, top),
    image: null,
    merged: null,
    close: () => {},
  }
}

function wordsOf(lowers: readonly string[], names: readonly string[], upper: string | null): string[] {
  const named = (path: string, at: number) => (names[at] ? `${names[at]}=${shown(path)}` : shown(path))
  const words = lowers.flatMap((path, at) => ['--lower', named(path, at)])
  return upper === null ? words : [...words, '--upper', shown(upper)]
}

function directory(option: string, path: Path): string {
  return unwrap(resolveDir(option, absolute(path)), 'NOT_FOUND').path
}

/** The mount on `merged`; null where there is none of ours. Throws StratafsError where its daemon is gone. */
export function mountSource(merged: Path): Source | null {
  const found = findMount(absolute(merged))
  if (found instanceof StratafsError) return null
  if (found.daemon === null)
    throw unanswered(toBytes(merged), found.entry?.device, 'name its layers instead, with --upper and --lower')
  const { lowers, upper, layerNames } = found.daemon.state.config
  return {
    kind: 'mount',
    title: shown(found.path),
    layers: stackOf(lowers, layerNames ?? [], upper),
    image: null,
    merged: found.path,
    close: () => {},
  }
}

/** `lowers` top first; the stack has its lowest first. */
function stackOf(lowers: readonly string[], given: readonly string[], upper: string | null): SourceLayer[] {
  const { names } = nameLayers(lowers, given)
  const layers = lowers.map((root, at) => layerOf(root, names[at] ?? `lower ${at}`, false)).reverse()
  return upper === null ? layers : [...layers, layerOf(upper, 'upper', true)]
}

function layerOf(root: string, name: string, upper: boolean): SourceLayer {
  const [label, command = ''] = name.split(/ {2}(.*)/s)
  const nothing = { digest: null, diffID: null, created: null, stored: null, shared: [] }
  return { label: label!, command, ...nothing, content: { kind: 'directory', root, upper } }
}
