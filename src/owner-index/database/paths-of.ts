/** The paths of directories that are known by their ids, latin1. */
import { latin1 } from '../../layers/marks.js'
import type { Connection, Statement } from './database.js'
import { Sql } from './schema.js'

export class PathsOf {
  readonly #above: Statement

  constructor(db: Connection) {
    this.#above = db.prepare(Sql.aboveDir).raw()
  }

  /** From the merged root; that of a directory which is not there is as long as it is known. */
  at(id: number): string {
    const names: string[] = []
    for (let row = this.#row(id); row !== undefined && row[0] !== 0; row = this.#row(row[0])) names.push(latin1(row[1]))
    return names.reverse().join('/')
  }

  #row(id: number): [parent: number, name: Buffer] | undefined {
    return this.#above.get(id) as [number, Buffer] | undefined
  }
}
