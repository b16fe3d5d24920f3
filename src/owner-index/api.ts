/**
 * The index for commands: built, verified, described, dropped and asked, for a mount's workdir or for plain layers,
 * without any mount. Nothing here may run on the thread that serves a mount. Failures that a person can do something
 * about are returned as `{ error }`, a sentence.
 */
import { existsSync, statSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { defaultPrefix } from '../layers/marks.js'
import { LowerStack, type LowerStackConfig } from '../stack/lower-stack.js'
import { faultOf, removeDatabase } from './build/opening.js'
import { scanUpper } from './build/upper-rows.js'
import { readChanges, type StoredChange } from './database/change-log.js'
import { type Connection, codeOf, connect } from './database/database.js'
import { markedBy, removeMark } from './database/in-use.js'
import { IndexQueries } from './database/queries.js'
import { APPLICATION_ID, SCHEMA_VERSION, Sql } from './database/schema.js'
import { sharedPath, stackIdentity } from './database/stack-identity.js'
import { IndexStore } from './database/store.js'
import { type Difference, verifyRows } from './verify.js'
import { compareUpper } from './verify-upper.js'

export type { LowerStackConfig } from '../stack/lower-stack.js'
export { type Built, buildIndex } from './build/build.js'
export type { BuildProgress } from './build/tree-walk.js'
export type { StoredChange } from './database/change-log.js'
export type { ListedEntry, OwnedPath, SpaceOfLayer } from './database/queries.js'
export { IndexQueries } from './database/queries.js'
export type { Difference } from './verify.js'

/** The stack that mount options describe. Paths absolute, latin1, top first. */
export function stackConfig(
  lowers: readonly string[],
  userxattr: boolean | null = null,
  redirectDir = 'on',
): LowerStackConfig {
  return { lowers, prefix: defaultPrefix(userxattr), redirectDir }
}

/** The database of a workdir. */
export function workdirIndex(work: string): string {
  return `${work}/index.db`
}

/** Where the shared database of `config`'s layers is, or would be. */
export function sharedIndex(config: LowerStackConfig): string | StratafsError {
  return withStack(config, (stack) => sharedPath(stackIdentity(stack)))
}

/**
 * Compares the rows with the layers, calling `difference` for each one; the number of them. `upper`: its rows are
 * compared with what is there, too.
 */
export function verifyIndex(
  path: string,
  config: LowerStackConfig,
  difference: (found: Difference) => void,
  upper: string | null = null,
): { readonly differences: number; readonly directories: number; readonly unread: number } | StratafsError {
  return withStack(config, (stack) => {
    try {
      const db = connect(path, { readonly: true, fileMustExist: true })
      try {
        const fault = faultOf(db, stackIdentity(stack))
        if (fault !== null) return new StratafsError(`index ${shown(path)} is ${fault}`)
        const counts = verifyRows(db, stack, difference)
        if (upper === null) return counts
        return { ...counts, differences: counts.differences + verifyUpper(db, stack, upper, difference) }
      } finally {
        db.close()
      }
    } catch (error) {
      return new StratafsError(`index ${shown(path)} cannot be read (${codeOf(error)})`)
    }
  })
}

/** Holds the upper's rows against rows made anew, in memory. */
function verifyUpper(
  db: Connection,
  stack: LowerStack,
  upper: string,
  difference: (found: Difference) => void,
): number {
  const fresh = IndexStore.create(':memory:', stack)
  try {
    fresh.begin()
    scanUpper(fresh, stack.marks, upper)
    fresh.commit()
    return compareUpper(db, fresh.db, difference)
  } finally {
    fresh.close()
  }
}

export interface IndexStatus {
  readonly path: string
  readonly exists: boolean
  /** Why it cannot be used; null when it can. */
  readonly fault: string | null
  readonly bytes: number
  readonly directories: number
  readonly entries: number
  readonly upperEntries: number
  readonly complete: boolean
  /** `clean`, or the mark of the mount that has it, or had when it crashed. */
  readonly dirty: string | null
  readonly layers: readonly {
    readonly ord: number
    readonly role: string
    readonly root: string
    readonly edited: number
  }[]
}

/** What the database at `path` says of itself. */
export function statusOf(path: string): IndexStatus {
  const none = { directories: 0, entries: 0, upperEntries: 0, complete: false, dirty: null, layers: [] }
  if (!existsSync(pathBytes(path))) return { path, exists: false, fault: null, bytes: 0, ...none }
  const bytes = statSync(pathBytes(path)).size
  try {
    const status = readStatus(path)
    return { path, exists: true, bytes, ...status, dirty: markedBy(path) ?? status.dirty }
  } catch (error) {
    return { path, exists: true, fault: codeOf(error), bytes, ...none }
  }
}

function readStatus(path: string): Omit<IndexStatus, 'path' | 'exists' | 'bytes'> {
  const db = connect(path, { readonly: true, fileMustExist: true })
  try {
    const count = (sql: string): number => db.prepare(sql).pluck().get() as number
    const meta = (key: string): unknown => db.prepare(Sql.getMeta).pluck().get(key) ?? null
    const ours = db.pragma('application_id', { simple: true }) === APPLICATION_ID
    const version = db.pragma('user_version', { simple: true })
    const fault = ours ? (version === SCHEMA_VERSION ? null : `of version ${version}`) : 'of another program'
    if (fault !== null) throw { code: fault }
    const layers = db.prepare(Sql.allLayers).all() as { ord: number; role: string; root: Buffer; edited: number }[]
    return {
      fault,
      directories: count(Sql.countDirs),
      entries: count(Sql.countEntries),
      upperEntries: count(Sql.countUpper),
      complete: meta('complete') === 1,
      dirty: meta('dirty') as string | null,
      layers: layers.map(({ root, ...layer }) => ({ ...layer, root: root.toString('latin1') })),
    }
  } finally {
    db.close()
  }
}

/** Removes the database at `path`; false when there was none. */
export function dropIndex(path: string): boolean {
  const existed = existsSync(pathBytes(path))
  removeDatabase(path)
  removeMark(path)
  return existed
}

/** Opens the database at `path` to be asked; the caller closes it. */
export function openIndex(path: string): IndexQueries | StratafsError {
  const { exists, fault } = statusOf(path)
  if (!exists)
    return new StratafsError(`there is no index at ${shown(path)}`, 'FAILED', `build it with \`stratafs index build\``)
  if (fault !== null) return new StratafsError(`index ${shown(path)} cannot be used (${fault})`)
  return new IndexQueries(connect(path, { readonly: true, fileMustExist: true }))
}

function withStack<T>(config: LowerStackConfig, use: (stack: LowerStack) => T): T | StratafsError {
  const stack = LowerStack.open(config)
  if (stack instanceof StratafsError) return stack
  try {
    return use(stack)
  } finally {
    stack.close()
  }
}

/** Reads from the change log in the database at `path`; null: it has none. */
export function openChangeLog<T>(
  path: string,
  use: (read: (id: number, since: number, most: number) => StoredChange[] | null) => T,
): T | StratafsError {
  try {
    const db = connect(path, { readonly: true, fileMustExist: true, timeout: 5000 })
    try {
      return use((id, since, most) => readChanges(db, id, since, most))
    } finally {
      db.close()
    }
  } catch (error) {
    return new StratafsError(`the change log in ${shown(path)} cannot be read: ${codeOf(error)}`, 'FAILED')
  }
}
