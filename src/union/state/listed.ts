/** What the ledger asks of nodes, which are defined further up. */

/** A name of a node, as nodes keep their further ones. */
interface NameOf {
  readonly parent: { readonly id: number }
  readonly name: string
}

/** Where a lower file lies. */
interface Placed {
  readonly layer: { readonly number: number; readonly isUpper: boolean }
  path(): string
}

/** What the ledger asks of a node. */
export interface Listed {
  slot: number
  readonly id: number
  readonly type: number
  readonly ino: number
  readonly nlookup: number
  readonly opens: number
  readonly writers: number
  readonly backing: number
  readonly parent: { readonly id: number } | null
  readonly name: string
  readonly others: readonly NameOf[] | null
  readonly removed: boolean
  readonly keys: readonly string[] | null
  readonly contentDir: Placed | null
  readonly inodeDir: Placed | null
  readonly inodeName: string
  /** None of what few nodes have: it is not open, and has one name. */
  readonly isUsual: boolean
  readonly unlinkedFd: number
  readonly dir: { readonly upper: Placed | null; readonly lowers: { at(position: number): Placed | undefined } } | null
}

/** A nodeid that a node had before. */
export interface ListedGhost {
  slot: number
  readonly id: number
  readonly node: { readonly id: number }
  readonly nlookup: number
  readonly opens: number
  readonly backing: number
  readonly dir: Placed
  readonly name: string
}
