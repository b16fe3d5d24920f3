/**
 * The files of a layout that are no blobs, and how every file of it is written: under another name, on disk before it
 * gets its own. A making that was killed leaves such files behind; here is what they look like.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { LARGEST_DOCUMENT } from '../encoding/json-file.js'
import { readRegular } from '../encoding/regular-file.js'
import { parsed } from './documents.js'

/** What the document `name` of the layout at `directory` (latin1) holds. Throws StratafsError. */
export function readNamed(directory: string, name: string): object {
  const path = `${directory}/${name}`
  const found = readRegular(path, 'a document', LARGEST_DOCUMENT)
  if (Buffer.isBuffer(found)) return parsed(found.toString('utf8'), shown(path)) as object
  const { code, words } = found
  const isNone = code === 'ENOENT' || code === 'ENOTDIR'
  throw new StratafsError(
    isNone
      ? `${shown(directory)} is no OCI image layout (there is no ${name} in it): ` +
          'name one that stratafs, skopeo or umoci made'
      : `${shown(path)} ${words}`,
    isNone ? 'NOT_FOUND' : 'DAMAGED',
  )
}

/** Replaces the document `name` of the layout at `directory` (latin1). Throws StratafsError. */
export function writeNamed(directory: string, name: string, document: unknown): void {
  const temporary = `${directory}/.${name}-${process.pid}-${randomBytes(4).toString('hex')}`
  writeSynced(temporary, Buffer.from(`${JSON.stringify(document)}\n`))
  renameSync(pathBytes(temporary), pathBytes(`${directory}/${name}`))
  syncDirectory(directory)
}

/** Puts the names in the directory at `path` (latin1) on disk. */
export function syncDirectory(path: string): void {
  const fd = openSync(pathBytes(path), 'r')
  fsyncSync(fd)
  closeSync(fd)
}

/** Whether there is more than what a making that was killed leaves: no blobs, and an index of nothing. */
export function isOccupied(directory: string): boolean {
  const names = namesIn(directory).filter((name) => !/^\.(index\.json|oci-layout)-\d+-[0-9a-f]{8}$/.test(name))
  if (names.some((name) => name !== 'blobs' && name !== 'index.json')) return true
  const blobs = [...namesIn(`${directory}/blobs`), ...namesIn(`${directory}/blobs/sha256`)]
  if (blobs.some((name) => name !== 'sha256')) return true
  if (!names.includes('index.json')) return false
  const index = readRegular(`${directory}/index.json`, 'a document', LARGEST_DOCUMENT)
  return !Buffer.isBuffer(index) || index.toString('utf8') !== EMPTY_INDEX
}

/** index.json of a layout without images. */
const EMPTY_INDEX = `${JSON.stringify({ schemaVersion: 2, manifests: [] })}\n`

function namesIn(directory: string): string[] {
  try {
    return readdirSync(pathBytes(directory), 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new StratafsError(`${shown(directory)} cannot be read: ${errorWords(error)}`)
  }
}

/** Writes a new file and puts it on disk; takes it away when that fails. */
export function writeSynced(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(pathBytes(path), bytes, { flag: 'wx', mode: 0o644, flush: true })
  } catch (error) {
    rmSync(pathBytes(path), { force: true })
    throw new StratafsError(`${shown(path)} cannot be written: ${errorWords(error)}`)
  }
}
