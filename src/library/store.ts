/**
 * The library's functions for a store of unpacked layers: what lies in it, and removing what nobody needs. An upper
 * holds somebody's changes, so `pruneStore` is for programs that have asked.
 */
import { shown } from '../base/text.js'
import { piecesOf, removePieces, type StoredPiece, unneeded } from '../oci/store/prune.js'
import { openStore, type StoreOptions } from './image-store.js'
import { usedBelow } from './offline/layer-space.js'

/** A layer, or the upper that a mount of an image left. */
export interface StorePiece extends StoredPiece {
  /** On disk. */
  readonly bytes: number
}

/** Everything in the store, layers first. */
export function listStore(options: StoreOptions = {}): StorePiece[] {
  return piecesOf(openStore(options)).map(pieceFor)
}

/** What could go: uppers that no mount uses, layers that neither a mount nor an image has. Nothing is removed. */
export function unneededInStore(options: StoreOptions = {}): StorePiece[] {
  return unneeded(piecesOf(openStore(options))).map(pieceFor)
}

/** Removes those of `pieces` that still nobody needs, changes in uppers with them; those that have gone. */
export async function pruneStore<T extends Pick<StoredPiece, 'kind' | 'name'>>(
  pieces: readonly T[],
  { notice: waits, signal, ...options }: StoreOptions = {},
): Promise<T[]> {
  const store = openStore(options)
  const key = ({ kind, name }: Pick<StoredPiece, 'kind' | 'name'>) => `${kind} ${name}`
  const wanted = new Set(pieces.map(key))
  const going = piecesOf(store).filter((piece) => wanted.has(key(piece)))
  const gone = new Set((await removePieces(store, going, { waits, signal })).map(key))
  return pieces.filter((piece) => gone.has(key(piece)))
}

function pieceFor(piece: StoredPiece): StorePiece {
  return { ...piece, path: shown(piece.path), bytes: usedBelow(piece.path) }
}
