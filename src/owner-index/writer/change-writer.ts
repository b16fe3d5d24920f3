/**
 * Writes the change log. What cannot be written is counted, and the log says how much is missing as soon as it can be
 * written again. So does a log that goes on after a mount that did not end well: its last moment may be missing.
 */
import { ChangeLogTable, type ChangeRow, lostRow } from '../database/change-log.js'
import { Slot } from '../database/shared-state.js'
import type { IndexStore } from '../database/store.js'
import type { Commits } from './commits.js'

interface ChangeWriterHost {
  readonly shared: Int32Array
  readonly commits: Commits
  store(): IndexStore | null
}

export class ChangeWriter {
  #table: ChangeLogTable | null = null
  #lost = 0

  /** `limit`: rows that are kept; 0: there is no log. */
  constructor(
    private readonly host: ChangeWriterHost,
    private readonly limit: number,
  ) {}

  /** There is a database; `isCut`: the mount before did not end well. */
  opened(isCut: boolean): void {
    if (this.limit === 0) return
    this.#write(isCut ? [lostRow(null)] : [])
  }

  closed(): void {
    this.#table = null
  }

  take({ rows, now }: { readonly rows: readonly ChangeRow[]; readonly now: boolean }): void {
    this.#write(rows)
    if (now) this.host.commits.commit()
    Atomics.add(this.host.shared, Slot.LOGGED, rows.length + 1)
  }

  #write(rows: readonly ChangeRow[]): void {
    let isWritten = false
    this.host.commits.write(() => {
      const store = this.host.store()!
      store.begin()
      this.#table ??= new ChangeLogTable(store.db, this.limit)
      this.#table.add(this.#lost > 0 ? [lostRow(this.#lost), ...rows] : rows)
      this.host.commits.changed(rows.length)
      isWritten = true
    })
    this.#lost = isWritten ? 0 : this.#lost + rows.length
  }
}
