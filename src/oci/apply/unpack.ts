/**
 * One archive becomes one directory, all of it or nothing. It is unpacked into a folder beside the directory, closed to
 * others; compared with the digests that were expected; put on disk; and only then given its name, by one rename. So
 * what has the name is whole, whatever was killed or lost power before. The folder is locked while it is worked in: one
 * that nobody holds any more was left by a killed process, and is swept by whoever comes next.
 */

import { createHash, randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { makeLayerRows } from '../../owner-index/layer-rows/make-layer-rows.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd, withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import { type Compression, decompress } from '../encoding/compression.js'
import { TarReader } from '../tar/reader.js'
import { ArchiveKind } from './archive-kind.js'
import { type Applied, LayerWriter } from './layer-writer.js'
import type { ApplyPolicy } from './policy.js'
import { removeUnpacked } from './remove.js'
import { settle } from './settle.js'
import { ArchiveSource, type Progress } from './source.js'

export interface UnpackRequest {
  /** Latin1; `-` is standard input. */
  readonly archive: string
  /** Absolute, latin1: what does not exist, or an empty directory. */
  readonly directory: string
  readonly policy: ApplyPolicy
  /** What the archive has to be: of the bytes as they are, and decompressed. `sha256:…`. */
  readonly digest?: string | undefined
  readonly diffID?: string | undefined
  /** All layers beneath, top first, latin1; left out where nobody knows them. */
  readonly lowers?: readonly string[] | undefined
  /** Put everything on disk before it is believed. */
  readonly sync: boolean
  /** Chooses another name beside `directory`, which nothing has yet, once it is known what came of the layer. */
  readonly nameFor?: ((unpacked: Unpacked) => string) | undefined
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Gets the stat records of everything that was unpacked but the root, where its rows are made. */
  readonly seen?: ((stats: Float64Array) => void) | undefined
  /** Hears whether the rows were made: then everything has been seen. */
  readonly seenAll?: ((isAll: boolean) => void) | undefined
}

export interface Unpacked extends Applied {
  readonly digest: string
  readonly diffID: string
  readonly compression: Compression
  /** Of the archive as it is. */
  readonly size: number
  /** Of what it decompresses to. */
  readonly contentSize: number
}

/** Unpacks an archive. Throws StratafsError with nothing left behind; an aborted signal's reason likewise. */
export async function unpack(request: UnpackRequest): Promise<Unpacked> {
  checkDigest('digest', request.digest)
  checkDigest('diffID', request.diffID)
  const target = findTarget(request.directory)
  try {
    const source = ArchiveSource.open(request.archive)
    try {
      return await unpackBeside(target, source, request)
    } finally {
      await source.close()
    }
  } finally {
    target.parent.close()
  }
}

function checkDigest(what: string, digest: string | undefined): void {
  if (digest === undefined || /^sha256:[0-9a-f]{64}$/.test(digest)) return
  throw new StratafsError(
    `${what} ${digest}: only sha256: with 64 hexadecimal digits can be verified`,
    'INVALID_ARGUMENT',
  )
}

/** Where the directory is to appear. */
interface Target {
  readonly path: string
  /** The directory that it will lie in, resolved. */
  readonly parentPath: string
  readonly parent: OwnedFd
  readonly name: string
}

function findTarget(path: string): Target {
  const plain = path.replace(/(.)\/+$/, '$1')
  const slash = plain.lastIndexOf('/')
  const parent = realOf(plain.slice(0, slash) || '/')
  const name = plain.slice(slash + 1)
  if (name === '' || name === '.' || name === '..')
    throw new StratafsError(`${shown(path)} cannot be unpacked to`, 'INVALID_ARGUMENT', 'name a new directory')
  const opened = OwnedFd.from(native.openat(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0))
  if (typeof opened === 'number') throw new StratafsError(`${shown(parent)} cannot be opened: ${errnoWords(opened)}`)
  const fault = occupied(opened.fd, name, shown(path))
  if (fault === null) return { path: plain, parentPath: parent === '/' ? '' : parent, parent: opened, name }
  opened.close()
  throw fault
}

function realOf(path: string): string {
  try {
    return realpathSync.native(pathBytes(path), { encoding: 'buffer' }).toString('latin1')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new StratafsError(`${shown(path)} does not exist`, 'NOT_FOUND', 'make it first')
    throw new StratafsError(`${shown(path)} cannot be reached: ${code}`)
  }
}

/** Why nothing can appear there; null when it can. `path`: as the reader knows it. */
function occupied(parentFd: number, name: string, path: string): StratafsError | null {
  const taken = (what: string, remedy: string | null) => new StratafsError(`${path} ${what}`, 'EXISTS', remedy)
  native.statat(parentFd, '')
  const mountId = native.stat[Stat.MOUNT_ID]
  const errno = native.statat(parentFd, name)
  if (errno === -Errno.ENOENT) return null
  if (errno < 0) return taken(`cannot be looked at: ${errnoWords(errno)}`, null)
  const isMounted = native.stat[Stat.MOUNT_ID] !== mountId
  const entries = native.readDirectory(parentFd, name)
  if (typeof entries === 'number') return taken('is there already, and no directory', 'name a new one')
  if (entries.names.length > 0) return taken('is not empty: a layer is unpacked to a directory of its own', null)
  return isMounted ? taken('is a mountpoint', 'name a directory inside it') : null
}

async function unpackBeside(target: Target, source: ArchiveSource, request: UnpackRequest): Promise<Unpacked> {
  sweepAbandoned(target)
  const work = makeWork(target)
  let done = false
  try {
    const unpacked = await fill(work.folder.fd, source, request)
    const named = { ...target, name: request.nameFor?.(unpacked) ?? target.name }
    publish(named, work, request.sync)
    done = true
    const { policy, signal, seen } = request
    const path = `${named.parentPath}/${named.name}`
    // While all of it is in memory: for every mount that will be over it.
    const isAll = await makeLayerRows({ path, prefix: policy.markPrefix, signal, seen })
    request.seenAll?.(isAll)
    return unpacked
  } catch (error) {
    throw error instanceof StratafsError ? error.of(shown(source.name)) : error
  } finally {
    if (!done) removeUnpacked(target.parent.fd, work.name)
    work.folder.close()
  }
}

interface Work {
  readonly name: string
  /** Carries the lock. */
  readonly folder: OwnedFd
}

function prefixOf(target: Target): string {
  // Cut, so that the suffix and the random part fit into NAME_MAX.
  return `.${target.name.slice(0, 200)}.unpacking.`
}

function makeWork(target: Target): Work {
  for (;;) {
    const name = prefixOf(target) + randomBytes(6).toString('hex')
    const made = native.mkdirat(target.parent.fd, name, 0o700)
    if (made < 0) throw new StratafsError(`nothing can be made beside ${shown(target.path)}: ${errnoWords(made)}`)
    const fd = native.openat(target.parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
    // Somebody may have swept it before it was locked; then once more.
    if (fd >= 0 && native.flock(fd, LOCK_EX | LOCK_NB) === 0 && native.statat(target.parent.fd, name) === 0) {
      for (const acl of ['system.posix_acl_default', 'system.posix_acl_access']) native.removexattr(fd, '', acl)
      native.chmodat(fd, '', 0o700)
      return { name, folder: new OwnedFd(fd) }
    }
    if (fd >= 0) native.close(fd)
  }
}

/** What killed processes left beside this very target. */
function sweepAbandoned(target: Target): void {
  const entries = native.readDirectory(target.parent.fd, '')
  if (typeof entries === 'number') return
  for (const name of entries.names) {
    if (!name.startsWith(prefixOf(target))) continue
    withFd(native.openat(target.parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), (fd) => {
      if (native.flock(fd, LOCK_EX | LOCK_NB) === 0) removeUnpacked(target.parent.fd, name)
    })
  }
}

async function fill(fd: number, source: ArchiveSource, request: UnpackRequest): Promise<Unpacked> {
  const lowers = request.lowers === undefined ? null : openLowers(request.lowers)
  const writer = new LayerWriter(fd, request.policy, lowers?.map((lower) => lower.fd) ?? null)
  try {
    const { compression, contentDigest, contentSize } = await stream(writer, source, request)
    const digest = source.digest()
    const diffID = contentDigest ?? digest
    expect('digest', digest, request.digest)
    const { isChunked } = source
    expect('diffID', diffID, request.diffID, compression === 'zstd' && isChunked)
    return { ...writer.complete(), digest, diffID, compression, size: source.read, contentSize }
  } finally {
    writer.close()
    for (const lower of lowers ?? []) lower.close()
  }
}

function openLowers(paths: readonly string[]): OwnedFd[] {
  const found: OwnedFd[] = []
  for (const path of paths) {
    const opened = OwnedFd.from(native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0))
    if (typeof opened !== 'number') {
      found.push(opened)
      continue
    }
    for (const open of found) open.close()
    // Without it, what the layer hides could not be told.
    throw new StratafsError(`layer ${shown(path)} beneath cannot be opened: ${errnoWords(opened)}`)
  }
  return found
}

/** Reads it to its end. `contentDigest`: of what it decompresses to; null where it is not compressed. */
async function stream(writer: LayerWriter, source: ArchiveSource, request: UnpackRequest) {
  const kind = new ArchiveKind()
  const reader = new TarReader(kind.watching(writer))
  const content = createHash('sha256')
  const { compression, content: pieces } = await decompress(source.chunks(request.progress, request.signal))
  let contentSize = 0
  for await (const piece of pieces) {
    contentSize += piece.length
    // Uncompressed, the two hashes are one.
    if (compression !== 'none') content.update(piece)
    reader.push(piece)
  }
  reader.finish(request.digest !== undefined || request.diffID !== undefined)
  kind.refuseImages()
  const contentDigest = compression === 'none' ? null : `sha256:${content.digest('hex')}`
  return { compression, contentDigest, contentSize }
}

/** What skopeo 1.9 writes: the config names another tar than the one in the blob. */
const CHUNKED = {
  cause: '; the layer is zstd:chunked, for which skopeo 1.9 wrote wrong diffIDs',
  remedy: 'copy the image again with --dest-compress-format zstd or gzip',
}

function expect(what: string, found: string, expected: string | undefined, chunked = false): void {
  if (expected === undefined || found === expected) return
  throw new StratafsError(
    `${what} is ${found}, not ${expected}: the archive is damaged or not the one that was meant` +
      (chunked ? CHUNKED.cause : ''),
    'DAMAGED',
    chunked ? CHUNKED.remedy : null,
  )
}

/** From here the directory is believed. */
function publish(target: Target, work: Work, sync: boolean): void {
  const synced = sync ? native.syncfs(work.folder.fd) : 0
  if (synced < 0) throw new StratafsError(`it cannot be put on disk: ${errnoWords(synced)}`)
  settle(work.folder.fd)
  const errno = native.renameat(target.parent.fd, work.name, target.parent.fd, target.name, 0)
  if (errno === -Errno.ENOTEMPTY || errno === -Errno.EEXIST || errno === -Errno.ENOTDIR) {
    throw new StratafsError(`${shown(target.path)} was made by somebody else meanwhile`, 'EXISTS')
  }
  if (errno < 0) throw new StratafsError(`${shown(target.path)} cannot be given its name: ${errnoWords(errno)}`)
  if (sync) native.fsync(target.parent.fd)
}
