/** The documents of a workdir, which are for people, too: written whole, and put back by hand where they are not. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'

/** In one step: a reader sees the whole of it, or what was there before. */
export function writeDocument(directory: string, name: string, document: unknown, indent = 2): void {
  const path = `${directory}/${name}`
  const fd = openSync(pathBytes(`${path}.new`), 'w', 0o600)
  try {
    writeFileSync(fd, `${JSON.stringify(document, null, indent)}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(pathBytes(`${path}.new`), pathBytes(path))
}

/** That the document `path` cannot be used, and `why`. */
export function damaged(path: string, why: string): StratafsError {
  return new StratafsError(`${shown(path)} cannot be used: ${why}`, 'DAMAGED', 'put back what it was')
}
