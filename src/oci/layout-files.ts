/** The files of a layout's directory: what one that is being made may hold, and how a file comes there whole or not at all. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { LARGEST_DOCUMENT } from './json-file.js'
import { readRegular } from './regular-file.js'

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
    throw new StratafsError(`${shown(directory)} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** Writes a new file and puts it on disk; takes it away when that fails. */
export function writeSynced(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(pathBytes(path), bytes, { flag: 'wx', mode: 0o644, flush: true })
  } catch (error) {
    rmSync(pathBytes(path), { force: true })
    throw new StratafsError(`${shown(path)} cannot be written: ${(error as NodeJS.ErrnoException).code}`)
  }
}
