/**
 * What lies in a store, and what of it nobody needs: uppers that mounts of images left, and layers that no image known
 * to the store has. An upper holds somebody's changes, so nothing here goes unless it is named, and nothing that
 * anybody uses.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { Errno } from '../../base/errno.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes } from '../../base/text.js'
import { type DirectoryLocks, lockDirectories } from '../../daemon/mount/locks.js'
import { listMounts } from '../../daemon/mount/run-directory.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { removeUnpacked } from '../apply/remove.js'
import { referenceText } from './images.js'
import type { Waiting } from './lock.js'
import { freeOfUse, removeLayers } from './remove.js'
import type { LayerStore } from './store.js'

export interface StoredPiece {
  readonly kind: 'layer' | 'upper'
  /** In STORE/layers or STORE/uppers. */
  readonly name: string
  /** Absolute, latin1. */
  readonly path: string
  /** LAYOUT:TAG of the images that have it. */
  readonly images: readonly string[]
  /** A mount uses it. */
  readonly inUse: boolean
  /** ISO time of the last change at its top. */
  readonly changed: string
}

/** Everything in the store, layers first. */
export function piecesOf(store: LayerStore): StoredPiece[] {
  const records = store.records().map(({ record }) => record)
  const free = freeOfUse(store)
  const layers = store.layerNames().map((name) => {
    const images = records.filter((record) => record.layers.includes(name)).map(referenceText)
    return pieceOf('layer', name, store.layerPath(name), images, !free(name))
  })
  const uppers = upperNames(store).map((name) => {
    const path = `${store.path}/uppers/${name}`
    return pieceOf('upper', name, path, [], isUpperUsed(path))
  })
  return [...layers, ...uppers].filter((piece) => piece !== null)
}

/** What can go: uppers that no mount uses, layers that neither a mount nor an image has. */
export function unneeded(pieces: readonly StoredPiece[]): StoredPiece[] {
  return pieces.filter(({ inUse, images }) => !inUse && images.length === 0)
}

/** Removes those of `wanted` that still nobody needs; those that were removed. Alone with the store. */
export function removePieces(
  store: LayerStore,
  wanted: readonly StoredPiece[],
  waiting: Waiting = {},
): Promise<StoredPiece[]> {
  return store.alone(waiting, () => {
    const paths = new Set(wanted.map(({ path }) => path))
    const going = unneeded(piecesOf(store)).filter(({ path }) => paths.has(path))
    const gone = going.filter((piece) => piece.kind === 'layer' || removeUpper(store, piece.name))
    removeLayers(
      store,
      gone.filter(({ kind }) => kind === 'layer').map(({ name }) => name),
    )
    return gone
  })
}

function pieceOf(
  kind: StoredPiece['kind'],
  name: string,
  path: string,
  images: readonly string[],
  inUse: boolean,
): StoredPiece | null {
  const top = kind === 'upper' ? `${path}/upper` : path
  const stat =
    statSync(pathBytes(top), { throwIfNoEntry: false }) ?? statSync(pathBytes(path), { throwIfNoEntry: false })
  // It went while the store was looked at.
  if (stat === undefined) return null
  return { kind, name, path, images, inUse, changed: stat.mtime.toISOString() }
}

function upperNames(store: LayerStore): string[] {
  return readdirSync(pathBytes(`${store.path}/uppers`), 'latin1').filter((name) => /^[0-9a-f]{16}$/.test(name))
}

/** A mount has it as its upper or among its lowers, ours or kernel overlayfs's, or somebody holds its lock. */
function isUpperUsed(path: string): boolean {
  const named = listMounts().some(({ state: { config } }) =>
    [...config.lowers, ...(config.dataLowers ?? []), config.upper ?? ''].some((each) => each.startsWith(`${path}/`)),
  )
  if (named || readFileSync('/proc/self/mountinfo', 'latin1').includes(`${path}/`)) return true
  const locks = lockUpper(path)
  locks?.release()
  return locks === null
}

/** Null where somebody has it. */
function lockUpper(path: string): DirectoryLocks | null {
  const parts = (['upper', 'work'] as const).filter((part) => isDirectory(`${path}/${part}`))
  const locks = lockDirectories(parts.map((part) => [part, `${path}/${part}`] as const))
  return locks instanceof StratafsError ? null : locks
}

function isDirectory(path: string): boolean {
  return statSync(pathBytes(path), { throwIfNoEntry: false })?.isDirectory() === true
}

/** Whether it has gone. No mount can take it meanwhile. */
function removeUpper(store: LayerStore, name: string): boolean {
  const locks = lockUpper(`${store.path}/uppers/${name}`)
  if (locks === null) return false
  try {
    return removeLocked(store, name)
  } finally {
    locks.release()
  }
}

function removeLocked(store: LayerStore, name: string): boolean {
  const uppers = native.openat(AT_FDCWD, `${store.path}/uppers`, O_RDONLY | O_DIRECTORY, 0)
  const errno = withFd(uppers, (fd) => removeUnpacked(fd, name))
  return errno >= 0 || errno === -Errno.ENOENT
}
