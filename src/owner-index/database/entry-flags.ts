/**
 * What rows say in bits: their meaning is part of the schema, and both who writes rows and who makes answers of them go
 * by it.
 */

/** Bits of entries.flags. */
export const EntryFlag = {
  /** The topmost part carries marks (extended attributes of the union). */
  MARKED: 1,
  /** A redirect, a metacopy or an xattr whiteout is involved: the layers have to be asked. */
  ASK: 2,
  /** Opaque: lower parts of this directory are hidden. */
  OPAQUE: 4,
  /** The row does not tell all that stat says: the file is looked at, also with `index=immutable`. */
  PARTIAL: 8,
} as const

/** An entry with one of these is never answered from its row alone. */
export const NOT_WHOLE = EntryFlag.ASK | EntryFlag.PARTIAL
