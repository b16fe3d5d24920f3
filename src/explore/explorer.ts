/**
 * An explorer: what was named, its index while it is being filled, and the answers. The page, the terminal, `--json`
 * and `image check` all ask here.
 */
import { statSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { absolute, type Path, resolved, toBytes, toText } from '../library/paths.js'
import { isStandardInput } from '../oci/apply/source.js'
import { type Content, contentOf } from './database/content.js'
import { Filling } from './database/filling.js'
import { IndexFile } from './database/index-file.js'
import { archiveSource } from './sources/archive.js'
import { containerdPlace, isContainerd } from './sources/containerd.js'
import { isContainersStorage, storageSource } from './sources/containers-storage.js'
import { directorySource, mountSource, type NamedDirectories } from './sources/directories.js'
import { imageSource } from './sources/image.js'
import { isLayout, layoutPlace } from './sources/layout.js'
import type { Source } from './sources/types.js'
import { ViewContext } from './views/context.js'
import { fileView } from './views/file.js'
import { imageView } from './views/image.js'
import { mapView } from './views/map.js'
import { overviewOf } from './views/overview.js'
import { Query } from './views/query.js'
import { searchView } from './views/search.js'
import { treeView } from './views/tree.js'
import { wasteView } from './views/waste.js'

/** What is looked at: one thing by name, or directories. */
export type Target = { readonly name: Path } | NamedDirectories

export interface OpenOptions {
  /** Where the index stays as a file. */
  readonly kept?: string | null
  /** Ends the reading; `filling.read` rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

const VIEWS: Readonly<Record<string, (context: ViewContext, query: Query) => unknown>> = {
  overview: overviewOf,
  tree: treeView,
  file: fileView,
  map: mapView,
  waste: wasteView,
  search: searchView,
  image: imageView,
}

/** Names of the views. */
const VIEW_NAMES = Object.keys(VIEWS)

export class Explorer {
  readonly context: ViewContext

  private constructor(
    readonly source: Source,
    readonly index: IndexFile,
    readonly filling: Filling,
  ) {
    this.context = new ViewContext(source, index, filling)
  }

  /** Begins to read what `target` names; the index goes to `kept`, where it stays. Throws StratafsError. */
  static async open(target: Target, { kept = null, signal }: OpenOptions = {}): Promise<Explorer> {
    const source = 'name' in target ? await sourceOf(target.name) : directorySource(target)
    try {
      const index = IndexFile.create(kept)
      return new Explorer(source, index, new Filling(source, index, signal))
    } catch (error) {
      source.close()
      throw error
    }
  }

  /** The answer of a view, `tree?path=/usr`. Throws StratafsError. */
  view(text: string): unknown {
    const query = Query.parse(text)
    const view = Object.hasOwn(VIEWS, query.view) ? VIEWS[query.view] : undefined
    if (view !== undefined) return view(this.context, query)
    throw new StratafsError(`there is no view ${shown(query.view)}: take one of ${VIEW_NAMES.join(', ')}`, 'NOT_FOUND')
  }

  /** The content that `content?path=…&layer=…` names. Throws StratafsError. */
  content(query: Query): Content {
    return contentOf(this.source, this.index, this.context.nodeOf(query), this.context.layerOf(query))
  }

  async close(): Promise<void> {
    await this.filling.stop()
    this.index.close()
    this.source.close()
  }
}

/** The answer of `view` (`tree?path=/usr&layer=2`) about `target`, once all is read. */
export async function explore(target: Target, view = 'overview'): Promise<unknown> {
  const explorer = await Explorer.open(target)
  try {
    await explorer.filling.read
    if (/^\/*waste/.test(view)) await explorer.filling.hash()
    return explorer.view(view)
  } finally {
    await explorer.close()
  }
}

async function sourceOf(name: Path): Promise<Source> {
  const bytes = toBytes(name)
  if (isStandardInput(bytes)) return { ...(await archiveSource('-', null)), words: ['-'] }
  for (const [path, tag] of splits(bytes)) {
    const source = await sourceAt(path, tag === null ? null : shown(tag))
    if (source !== null) return source
  }
  throw new StratafsError(
    `${toText(name)} is no mount, image, or archive: name a mounted directory, LAYOUT:TAG, an archive that docker ` +
      'save, skopeo or podman wrote, or directories with --lower',
    'NOT_FOUND',
  )
}

/** `PATH:TAG` at every colon, the whole as a path first. */
function splits(name: string): [path: string, tag: string | null][] {
  const colons = [...name.matchAll(/:(?=.)/gs)].map(({ index }) => index)
  return [[name, null], ...colons.map((at): [string, string] => [name.slice(0, at), name.slice(at + 1)])]
}

async function sourceAt(given: string, tag: string | null): Promise<Source | null> {
  const path = absolute(Buffer.from(given, 'latin1'))
  const mount = tag === null ? mountSource(Buffer.from(path, 'latin1')) : null
  if (mount !== null) return mount
  const stat = statSync(pathBytes(path), { throwIfNoEntry: false })
  if (stat?.isFile()) return archiveSource(path, tag)
  if (stat === undefined || !stat.isDirectory()) return null
  const real = resolved(Buffer.from(path, 'latin1'))
  if (isLayout(real)) return imageSource(layoutPlace(real), tag)
  if (isContainersStorage(real)) return storageSource(real, tag)
  return isContainerd(real) ? imageSource(containerdPlace(real), tag) : null
}
