/**
 * An archive on its way to disk: written under another name in the directory where it will stand, synced, and only then
 * given its name, so that whoever finds the name finds all of it; or into a descriptor, such as a pipe.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import type { LayerStack } from '../../stack/layer-stack.js'
import type { Compression } from '../encoding/compression.js'
import { type StoredArchive, TarWriter } from '../tar/writer.js'
import type { LayerEntry } from './entries.js'
import { type WriteOptions, type Written, writeEntries } from './write.js'

export interface ArchiveOptions extends WriteOptions {
  readonly compression: Compression
  readonly level?: number | undefined
}

export interface Archive extends Written, StoredArchive {}

/** Writes the entries as an archive to the open descriptor `fd`. Throws StratafsError. */
export async function writeArchive(
  stack: LayerStack,
  entries: Iterable<LayerEntry>,
  fd: number,
  options: ArchiveOptions,
): Promise<Archive> {
  const tar = new TarWriter(fd, options.compression, options.level)
  try {
    const written = await writeEntries(stack, entries, tar, options)
    return { ...written, ...(await tar.finish()) }
  } finally {
    await tar.abandon()
  }
}

/**
 * Makes a new file at `path` (latin1) of what `fill` writes, and calls `place` with it when it is on disk. When
 * anything fails nothing of it is left. Throws StratafsError.
 */
export async function fillNew<T>(
  path: string,
  fill: (fd: number) => Promise<T>,
  place: (path: string, filled: T) => void,
): Promise<T> {
  const fd = opened(path, 'wx')
  try {
    const filled = await fill(fd)
    fsyncSync(fd)
    place(path, filled)
    return filled
  } catch (error) {
    rmSync(pathBytes(path), { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
}

async function fillExisting<T>(path: string, fill: (fd: number) => Promise<T>): Promise<T> {
  const fd = opened(path, 'w')
  try {
    return await fill(fd)
  } finally {
    closeSync(fd)
  }
}

function opened(path: string, how: 'wx' | 'w'): number {
  try {
    return openSync(pathBytes(path), how, 0o644)
  } catch (error) {
    throw new StratafsError(`${shown(path)} cannot be made: ${errorWords(error)}`)
  }
}

/**
 * Like `fillNew`, for a file that is to be called `path`, in place of a file that is called so. What is no regular file
 * (a device, a pipe) stays what it is, and is written to.
 */
export async function fillFile<T>(path: string, fill: (fd: number) => Promise<T>): Promise<T> {
  const there = statSync(pathBytes(path), { throwIfNoEntry: false })
  if (there?.isDirectory()) throw new StratafsError(`${shown(path)} is a directory`, 'FAILED', 'name a file')
  if (there !== undefined && !there.isFile()) return fillExisting(path, fill)
  const slash = path.lastIndexOf('/')
  const name = path.slice(slash + 1, slash + 200)
  const temporary = `${path.slice(0, slash + 1)}.${name}.${randomBytes(6).toString('hex')}`
  return fillNew(temporary, fill, (from) => {
    try {
      renameSync(pathBytes(from), pathBytes(path))
    } catch (error) {
      throw new StratafsError(`${shown(path)} cannot be written: ${errorWords(error)}`)
    }
  })
}
