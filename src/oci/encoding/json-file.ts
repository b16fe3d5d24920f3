/**
 * JSON documents on disk: read with a limit, written so that a reader sees the old one or the new one, whatever is
 * killed.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { readRegular } from './regular-file.js'

/** No manifest, configuration or index is larger than this by an honest way. */
export const LARGEST_DOCUMENT = 4 * 1024 * 1024

/** The bytes of the document at `path` (latin1); null where there is none. Throws StratafsError. */
export function readDocument(path: string): Buffer | null {
  const found = readRegular(path, 'a document', LARGEST_DOCUMENT)
  if (Buffer.isBuffer(found)) return found
  if (found.code === 'ENOENT' || found.code === 'ENOTDIR') return null
  throw new StratafsError(`${shown(path)} ${found.words}`)
}

/** What `bytes` hold, an object. Throws StratafsError that names `what`. */
export function parseObject(bytes: Buffer, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new StratafsError(`${what} is no JSON: ${(error as Error).message}`, 'DAMAGED')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new StratafsError(`${what} is JSON, but no object`, 'DAMAGED')
}

/** Replaces the document at `path` (latin1), on disk when it returns. */
export function writeDocument(path: string, text: string): void {
  const fresh = `${path}.${randomBytes(4).toString('hex')}.new`
  const fd = openSync(pathBytes(fresh), 'wx', 0o644)
  try {
    const bytes = Buffer.from(text, 'utf8')
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
    renameSync(pathBytes(fresh), pathBytes(path))
  } catch (error) {
    rmSync(pathBytes(fresh), { force: true })
    throw new StratafsError(`${shown(path)} cannot be written: ${errorWords(error)}`)
  } finally {
    closeSync(fd)
  }
  syncDirectory(dirname(path))
}

function syncDirectory(path: string): void {
  const fd = openSync(pathBytes(path), 'r')
  fsyncSync(fd)
  closeSync(fd)
}
