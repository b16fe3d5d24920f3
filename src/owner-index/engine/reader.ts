/**
 * The engine's connection to the database: read-only, opened when it is first needed and anew whenever the writer has
 * put another database in place. It never waits for a lock: the layers are asked meanwhile.
 */

import { faultOf } from '../build/opening.js'
import { type Connection, connect, type Statement } from '../database/database.js'
import { Sql } from '../database/schema.js'
import { Slot, State } from '../database/shared-state.js'

export interface Statements {
  readonly findDir: Statement
  /** The stamps of a directory, by its id and the time of its reading. */
  readonly stamps: Statement
  /** All rows of a directory, and one of them by its name, as RawRow. */
  readonly rows: Statement
  /** All rows, column by column, and the layers of those that join some (Sql.columns, Sql.joined). */
  readonly columns: Statement
  readonly joined: Statement
  /** The layers that own any of them, top first. */
  readonly owners: Statement
  readonly one: Statement
  /** The same with what it takes to answer without a look. */
  readonly wholeRows: Statement
  readonly wholeColumns: Statement
  readonly oneWhole: Statement
}

export class IndexReader {
  #db: Connection | null = null
  #statements: Statements | null = null
  #epoch = -1

  constructor(
    private readonly path: string,
    /** The identity that the database must have; null: the writer has seen to it. */
    private readonly identity: string | null,
    private readonly shared: Int32Array,
    /** What was read from the database before is not to be used any more. */
    private readonly replaced: () => void,
  ) {}

  /** The statements that were handed out last. */
  get current(): Statements | null {
    return this.#statements
  }

  /** The statements of the database that is in place; null where there is none. Errors of SQLite are thrown. */
  statements(): Statements | null {
    if (Atomics.load(this.shared, Slot.STATE) !== State.READY) return null
    const epoch = Atomics.load(this.shared, Slot.EPOCH)
    if (epoch === this.#epoch) return this.#statements
    this.close()
    this.#epoch = epoch
    this.#open()
    return this.#statements
  }

  #open(): void {
    const db = connect(this.path, { readonly: true, fileMustExist: true, timeout: 0 })
    db.pragma('cache_size = -2000')
    this.#db = db
    if (this.identity !== null && faultOf(db, this.identity) !== null) {
      Atomics.store(this.shared, Slot.STATE, State.NONE)
      return this.close()
    }
    this.#statements = {
      findDir: db.prepare(Sql.findDir),
      stamps: db.prepare(Sql.stampsOf),
      rows: db.prepare(Sql.viewRows),
      columns: db.prepare(Sql.columns),
      joined: db.prepare(Sql.joined),
      owners: db.prepare(Sql.ownersOf),
      one: db.prepare(Sql.oneRow),
      wholeRows: db.prepare(Sql.wholeRows),
      wholeColumns: db.prepare(Sql.wholeColumns),
      oneWhole: db.prepare(Sql.oneWholeRow),
    }
  }

  close(): void {
    this.replaced()
    this.#statements = null
    this.#db?.close()
    this.#db = null
  }
}
