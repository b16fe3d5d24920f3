/** The upper's rows held against others, which were read a moment ago: directory by directory, whatever the depth. */
import { latin1 } from '../layers/marks.js'
import type { Connection } from './database/database.js'
import { Sql } from './database/schema.js'
import type { Difference } from './verify.js'

type UpperRow = Record<string, number | Buffer | null> & { id: number; name: Buffer }

/** A directory in both databases, by the ids of its rows; -1: it has none there. */
interface Compared {
  readonly path: string
  readonly known: number
  readonly fresh: number
}

/** What is not told of a row: how it is found. */
const OWN = ['id', 'parent', 'redirect_key']

/** Compares the upper's rows in `db` with those in `fresh`; the number of differences. */
export function compareUpper(db: Connection, fresh: Connection, report: (found: Difference) => void): number {
  const rowsOf = [db, fresh].map((each) => each.prepare(Sql.allOfUpper))
  const byName = (which: number, id: number): Map<string, UpperRow> =>
    new Map((rowsOf[which]!.all(id) as UpperRow[]).map((row) => [latin1(row.name), row]))
  let differences = 0
  const differs = (difference: Difference): void => {
    differences++
    report(difference)
  }
  const waiting: Compared[] = [{ path: '', known: 0, fresh: 0 }]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const [known, now] = [byName(0, at.known), byName(1, at.fresh)]
    for (const name of new Set([...now.keys(), ...known.keys()])) {
      const path = at.path === '' ? name : `${at.path}/${name}`
      const [old, row] = [known.get(name), now.get(name)]
      compareRows(path, old, row, differs)
      waiting.push({ path, known: old?.id ?? -1, fresh: row?.id ?? -1 })
    }
  }
  return differences
}

function compareRows(
  path: string,
  old: UpperRow | undefined,
  row: UpperRow | undefined,
  differs: (found: Difference) => void,
): void {
  if (old === undefined) differs({ path, what: 'missing in the index' })
  else if (row === undefined) differs({ path, what: 'not in the layers' })
  else for (const column of differing(old, row)) differs({ path, what: 'differs', ...column })
}

function differing(
  old: UpperRow,
  row: UpperRow,
): { column: string; index: number | string; layers: number | string }[] {
  const plain = (value: number | Buffer | null): number | string =>
    typeof value === 'number' ? value : value === null ? '' : latin1(value)
  return Object.keys(row)
    .filter((column) => !OWN.includes(column))
    .map((column) => ({ column: `upper ${column}`, index: plain(old[column]!), layers: plain(row[column]!) }))
    .filter(({ index, layers }) => index !== layers)
}
