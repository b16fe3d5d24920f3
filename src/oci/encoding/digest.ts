/**
 * Names by content. A blob is called by the sha256 of its bytes; a layer has two such names, the digest of the archive
 * as it is stored and the diffID of the archive before compression; a stack of layers has a chainID, which says what it
 * was unpacked upon. As the OCI image specification defines them (descriptor.md, config.md).
 */
import { createHash } from 'node:crypto'
import { StratafsError } from '../../base/failure.js'

const FORM = /^sha256:[0-9a-f]{64}$/

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Whether `text` is a digest that can be verified here. */
export function isDigest(text: unknown): text is string {
  return typeof text === 'string' && FORM.test(text)
}

/** The 64 hexadecimal digits. Throws StratafsError for what is no sha256 digest, so that it can stand in a path. */
export function hexOf(digest: string): string {
  if (!isDigest(digest)) throw new StratafsError(`${JSON.stringify(digest)} is no sha256 digest`)
  return digest.slice('sha256:'.length)
}

/** The chainIDs of `diffIDs` (lowest layer first), one for each: what the layers up to there make together. */
export function chainIDs(diffIDs: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffID of diffIDs) {
    const below = chain.at(-1)
    chain.push(below === undefined ? diffID : digestOf(Buffer.from(`${below} ${diffID}`)))
  }
  return chain
}
