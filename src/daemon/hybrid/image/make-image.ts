/**
 * Makes the metadata image of a stack of layers: into a file of its own, which is on disk before it has its name. Of
 * two makers the last one wins, and both have written the same.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { errorWords } from '../../../base/errno-words.js'
import { StratafsError } from '../../../base/failure.js'
import { pathBytes } from '../../../base/text.js'
import { ImageWriter, NotInImage } from '../../../erofs/image-writer.js'
import { defaultPrefix } from '../../../layers/marks.js'
import { unbound } from '../../../operations/contract.js'
import { createEngine } from '../../../operations/engine.js'
import { putInPlace, temporaryIn } from '../../../owner-index/database/shared-stacks.js'
import type { UnionConfig } from '../../../union/context/config.js'
import { imageDirectory, imageIdentity, imagePath, imageTitle } from './image-file.js'
import { type TreeChoices, writeTree } from './write-tree.js'

export interface MadeImage {
  /** Absolute, latin1. */
  readonly path: string
  readonly bytes: number
  readonly inodes: number
}

/**
 * Makes the image of the lower layers of `config`, whose view says where content lies; or says why there is none.
 * `isGivenUp` is asked at each directory.
 */
export function makeImage(config: UnionConfig, isGivenUp: () => boolean = () => false): MadeImage | StratafsError {
  const prefix = defaultPrefix(config.userxattr)
  const identity = imageIdentity(config, prefix)
  const path = identity === null ? null : imagePath(identity)
  const temporary = path === null ? null : temporaryIn(imageDirectory(), path)
  if (temporary === null) return new StratafsError('the metadata image has no place')
  try {
    const made = write(config, identity!, temporary, { prefix, isGivenUp })
    // What was edited while it was read is another stack.
    if (!(made instanceof StratafsError) && imageIdentity(config, prefix) !== identity)
      return new StratafsError('the layers were changed while the metadata image was made')
    if (made instanceof StratafsError) return made
    putInPlace(temporary, path!)
    return { ...made, path: path! }
  } catch (error) {
    const why = error instanceof NotInImage ? `it cannot hold ${error.message}` : errorWords(error)
    return new StratafsError(`the metadata image cannot be made: ${why}`)
  } finally {
    rmSync(pathBytes(temporary), { force: true })
  }
}

function write(
  config: UnionConfig,
  identity: string,
  temporary: string,
  how: TreeChoices,
): Omit<MadeImage, 'path'> | StratafsError {
  const metadata = { ...config.metadata!, small: 0 }
  const engine = createEngine({ ...config, metadata, index: 'off' }, unbound, () => {})
  if (engine instanceof StratafsError) return engine
  const fd = openSync(pathBytes(temporary), 'wx', 0o600)
  try {
    const writer = new ImageWriter({ write: (bytes, at) => void writeSync(fd, bytes, 0, bytes.length, at) })
    const root = writeTree(engine.operations, writer, how)
    const { bytes } = writer.end(root, (uuid, size) => imageTitle(identity, uuid, size))
    ftruncateSync(fd, bytes)
    fsyncSync(fd)
    return { bytes, inodes: writer.inodes }
  } finally {
    closeSync(fd)
    engine.close()
  }
}
