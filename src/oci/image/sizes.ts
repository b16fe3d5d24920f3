/**
 * How large layers are unpacked: no document says it, and to count it a layer has to be read in full. So it is counted
 * once and kept in the layout, in `.stratafs-sizes.json`, by the digest of the blob: `{"sha256:…": BYTES}`, the bytes
 * of all files, holes left out. The file may be deleted at any time.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { isDigest } from '../encoding/digest.js'
import { parseObject, readDocument, writeDocument } from '../encoding/json-file.js'

const pathIn = (directory: string) => `${directory}/.stratafs-sizes.json`

/** What is known of the layers in the layout at `directory` (latin1). What cannot be read is not known. */
export function knownSizes(directory: string): Map<string, number> {
  try {
    const bytes = readDocument(pathIn(directory))
    const entries = bytes === null ? [] : Object.entries(parseObject(bytes, shown(pathIn(directory))))
    const sound = ([digest, size]: [string, unknown]) =>
      isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0
    return new Map(entries.filter(sound) as [string, number][])
  } catch (error) {
    if (error instanceof StratafsError) return new Map()
    throw error
  }
}

/**
 * Keeps `sizes` beside those that are known, as far as `isThere` says that the blob is; whether it could. Two programs
 * that do so at once: one may have to count again.
 */
export function keepSizes(
  directory: string,
  sizes: ReadonlyMap<string, number>,
  isThere: (digest: string) => boolean,
): boolean {
  const all = [...knownSizes(directory), ...sizes].filter(([digest]) => isThere(digest))
  try {
    writeDocument(pathIn(directory), `${JSON.stringify(Object.fromEntries(all))}\n`)
    return true
  } catch {
    // A layout that only others may write to.
    return false
  }
}
