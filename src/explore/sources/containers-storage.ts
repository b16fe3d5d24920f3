/**
 * podman's, buildah's and CRI-O's store (containers/storage, driver overlay), read and never written: images by name,
 * each layer a directory, and containers with what they have written on top.
 */
import { existsSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { fromText, pathBytes, shown } from '../../base/text.js'
import { LARGEST_DOCUMENT } from '../../oci/encoding/json-file.js'
import { readRegular } from '../../oci/encoding/regular-file.js'
import { asConfig, parsed } from '../../oci/image/documents.js'
import { commandText, placed } from './image.js'
import type { ImageFacts, Source, SourceLayer } from './types.js'

/** Lists of a store with many images are longer than a document of an image. */
const LARGEST_LIST = 16 * LARGEST_DOCUMENT

interface StoredImage {
  readonly id: string
  readonly names?: readonly string[] | null
  readonly layer?: string
  readonly created?: string
}

interface StoredLayer {
  readonly id: string
  readonly parent?: string
  readonly created?: string
  readonly 'diff-digest'?: string
  readonly 'compressed-diff-digest'?: string
}

interface Container extends StoredImage {
  readonly image?: string
}

/** Whether `path` (latin1) is such a store. */
export function isContainersStorage(path: string): boolean {
  return existsSync(pathBytes(`${path}/overlay-images`)) && existsSync(pathBytes(`${path}/overlay-layers`))
}

/** The image or container `name` of the store at `root` (latin1). Throws StratafsError. */
export function storageSource(root: string, name: string | null): Source {
  const images = listIn<StoredImage>(root, 'overlay-images/images.json')
  const containers = listIn<Container>(root, 'overlay-containers/containers.json')
  const found = find([...images, ...containers], name, root)
  const image = images.find(({ id }) => id === ((found as Container).image ?? found.id)) ?? null
  const isContainer = containers.includes(found)
  const chain = chainOf(root, found.layer)
  const facts = image === null ? null : factsOf(root, image, images, chain.length - (isContainer ? 1 : 0))
  return {
    kind: 'image',
    title: `${shown(root)}:${found.names?.[0] ?? found.id.slice(0, 12)}`,
    layers: chain.map((layer, at) => layerOf(root, layer, at, chain.length, facts, isContainer)),
    image: facts,
    merged: null,
    close: () => {},
  }
}

function listIn<T extends { readonly id: string }>(root: string, name: string): T[] {
  const bytes = readRegular(`${root}/${name}`, 'a list of a store', LARGEST_LIST)
  if (!Buffer.isBuffer(bytes)) {
    if (bytes.code === 'ENOENT') return []
    throw new StratafsError(`${shown(root)}/${name} ${bytes.words}`)
  }
  const list = parsed(bytes.toString('utf8'), `${shown(root)}/${name}`)
  const isEntry = (each: unknown) => /^[0-9a-f]+$/.test(String((each as { id?: unknown } | null)?.id))
  if (Array.isArray(list) && list.every(isEntry)) return list as T[]
  throw new StratafsError(`${shown(root)}/${name} is no list of a containers store`, 'DAMAGED')
}

function find(all: readonly StoredImage[], name: string | null, root: string): StoredImage {
  const isNamed = ({ id, names }: StoredImage) =>
    name !== null &&
    ((name.length >= 6 && id.startsWith(name)) ||
      names?.some((each) => each === name || shortNames(each).includes(name)))
  const found = name === null && all.length === 1 ? all[0] : all.find(isNamed)
  if (found !== undefined) return found
  const names = all.flatMap((each) => each.names?.[0] ?? each.id.slice(0, 12)).slice(0, 20)
  const here = names.length === 0 ? 'it holds none' : `there are ${names.join(', ')}`
  throw new StratafsError(
    `${shown(root)}${name === null ? '' : ` has no ${name}`}: name an image or container as STORE:NAME; ${here}`,
    'NOT_FOUND',
  )
}

/** `docker.io/library/app:1` is called `app:1`, too; and `app` where it is the latest. */
function shortNames(name: string): string[] {
  const short = name.replace(/^(?:localhost|docker\.io\/library|docker\.io)\//, '')
  return [short, short.replace(/:latest$/, ''), name.slice(name.lastIndexOf('/') + 1)]
}

/** The layers from the lowest to `top`. */
function chainOf(root: string, top: string | undefined): StoredLayer[] {
  const lists = ['overlay-layers/layers.json', 'overlay-layers/volatile-layers.json']
  const layers = new Map(lists.flatMap((name) => listIn<StoredLayer>(root, name)).map((layer) => [layer.id, layer]))
  const chain: StoredLayer[] = []
  for (let id = top; id !== undefined && id !== '' && chain.length <= layers.size; ) {
    const layer = layers.get(id)
    if (layer === undefined) throw new StratafsError(`${shown(root)}: layer ${id} is missing`, 'DAMAGED')
    chain.unshift(layer)
    id = layer.parent
  }
  return chain
}

function layerOf(
  root: string,
  layer: StoredLayer,
  at: number,
  count: number,
  facts: ImageFacts | null,
  isContainer: boolean,
): SourceLayer {
  const isTop = isContainer && at === count - 1
  const step = facts?.history.find((each) => each.layer === at)
  return {
    label: isTop ? 'container' : `layer ${at + 1}/${isContainer ? count - 1 : count}`,
    digest: layer['compressed-diff-digest'] ?? null,
    diffID: layer['diff-digest'] ?? null,
    created: step?.created ?? layer.created ?? null,
    command: isTop ? 'what the container has written' : commandText(step?.created_by ?? ''),
    stored: null,
    shared: [],
    content: { kind: 'directory', root: `${root}/overlay/${layer.id}/diff`, upper: isTop },
  }
}

function factsOf(root: string, image: StoredImage, images: readonly StoredImage[], count: number): ImageFacts {
  const key = `=${Buffer.from(`sha256:${image.id}`).toString('base64')}`
  const path = `${root}/overlay-images/${image.id}/${key}`
  const bytes = readRegular(path, 'a document', LARGEST_DOCUMENT)
  const what = `${shown(root)}: the configuration of ${image.id.slice(0, 12)}`
  if (!Buffer.isBuffer(bytes)) throw new StratafsError(`${what} ${bytes.words}`, 'DAMAGED')
  const config = asConfig(parsed(bytes.toString('utf8'), what), what)
  return {
    tag: image.names?.[0] ?? null,
    manifest: null,
    platform: `${config.os}/${config.architecture}`,
    created: config.created ?? image.created ?? null,
    config: config.config ?? {},
    history: placed(config.history ?? [], count),
    tags: images.flatMap((each) => each.names ?? []).map((name) => shown(fromText(name))),
  }
}
