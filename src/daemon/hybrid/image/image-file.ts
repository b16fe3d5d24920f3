/**
 * Where metadata images lie, and which of them may be used. One is kept for each stack of layers, beside the databases
 * that mounts share: named by what it was made of, whole from the moment it has its name, and believed only where its
 * own words say that it is of these layers and its sums are right.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { pathBytes } from '../../../base/text.js'
import { BLOCK, isSealed, SUPER_OFFSET } from '../../../erofs/format.js'
import { defaultPrefix } from '../../../layers/marks.js'
import { sharedDirectory } from '../../../owner-index/database/stack-identity.js'
import { AT_FDCWD } from '../../../syscalls/constants.js'
import { native } from '../../../syscalls/native.js'
import { Stat } from '../../../syscalls/stat.js'
import type { UnionConfig } from '../../../union/context/config.js'

/** Of what is written into an image; goes up with each change of that. */
const FORMAT = 1
const TITLE = `stratafs metadata image ${FORMAT}`

/** Absolute, latin1. */
export function imageDirectory(): string {
  return `${sharedDirectory()}/images`
}

export function imagePath(identity: string): string {
  return `${imageDirectory()}/${identity}.erofs`
}

/**
 * What an image of the lower layers of `config` is made of: 64 hexadecimal digits. Each layer counts with its path and
 * its root's filesystem, inode, birth and last change; and all that decides how layers are shown. Null: a layer cannot
 * be looked at.
 */
export function imageIdentity(config: UnionConfig, prefix: string): string | null {
  const layers: (string | number)[][] = []
  for (const path of [...config.lowers, ...(config.dataLowers ?? [])]) {
    if (native.statat(AT_FDCWD, path) < 0) return null
    layers.push([path, ...ROOT_FACTS.map((slot) => native.stat[slot]!)])
  }
  const { redirectDir, uidMapping, gidMapping, squashToRoot, squashToUid, squashToGid, xattrPermissions } = config
  const shown = { redirectDir, uidMapping, gidMapping, squashToRoot, squashToUid, squashToGid, xattrPermissions }
  const { nosuid = false, metadata, lowers } = config
  const others = { nosuid, roots: metadata?.roots, places: metadata?.places }
  const all = JSON.stringify([TITLE, prefix, lowers.length, layers, shown, others])
  return createHash('sha256').update(all, 'latin1').digest('hex')
}

const ROOT_FACTS = [
  Stat.DEV_MAJOR,
  Stat.DEV_MINOR,
  Stat.INO_HIGH,
  Stat.INO_LOW,
  Stat.BTIME,
  Stat.BTIME_NS,
  Stat.CTIME,
  Stat.CTIME_NS,
]

/** What an image says of itself, in the boot area before its superblock. */
export function imageTitle(identity: string, uuid: Uint8Array, bytes: number): Buffer {
  const words = `${TITLE}\n${identity}\n${Buffer.from(uuid).toString('hex')}\n${bytes}\n`
  return Buffer.from(`${words}${createHash('sha256').update(words).digest('hex')}\n`)
}

/** An image that may be used. */
export interface OpenImage {
  /** Whoever has it closes it. */
  readonly fd: number
  /** Hexadecimal. */
  readonly uuid: string
  readonly path: string
}

/** The image of these layers; null where there is none, or none that can be believed. */
export function openImage(identity: string): OpenImage | null {
  const path = imagePath(identity)
  try {
    const fd = openSync(pathBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const uuid = checked(fd, identity)
    if (uuid !== null) return { fd, uuid, path }
    closeSync(fd)
  } catch {
    // There is none.
  }
  return null
}

/** Where the image of the lower layers of `config` lies, once there is one; null: a layer cannot be looked at. */
export function pathOfImage(config: UnionConfig): string | null {
  const identity = imageIdentity(config, defaultPrefix(config.userxattr))
  return identity === null ? null : imagePath(identity)
}

/** Whether there is an image of the lower layers of `config`. */
export function hasImage(config: UnionConfig): boolean {
  const identity = imageIdentity(config, defaultPrefix(config.userxattr))
  const image = identity === null ? null : openImage(identity)
  if (image === null) return false
  const { fd } = image
  closeSync(fd)
  return true
}

/** Its UUID; null: it is another's, cut off, or not what was written. */
function checked(fd: number, identity: string): string | null {
  const stat = fstatSync(fd)
  const isOurs = stat.isFile() && stat.uid === process.geteuid?.() && (stat.mode & 0o022) === 0
  const first = Buffer.alloc(BLOCK)
  if (!isOurs || readSync(fd, first, 0, BLOCK, 0) !== BLOCK || !isSealed(first)) return null
  const [, , uuid = ''] = first.toString('latin1', 0, SUPER_OFFSET).split('\n')
  const title = imageTitle(identity, Buffer.from(uuid, 'hex'), stat.size)
  return first.subarray(0, title.length).equals(title) ? uuid : null
}
