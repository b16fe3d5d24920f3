/**
 * Getting at a database to write, whatever lies in its place. A good one about this stack is taken; one about another
 * stack is removed, for it is ours and nobody asks for it any more; anything else (damaged, cut short, of another
 * program or version, not to be written) is set aside under a name that says when, and a new one begun. If nothing can
 * be had the mount works without. Losing the database never loses anything but time.
 */
import { constants, copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { type Connection, codeOf, connect, sqliteObstacle } from '../database/database.js'
import { markedBy, markInUse, removeDatabase } from '../database/in-use.js'
import { COMPANIONS, isStrange } from '../database/regular.js'
import { APPLICATION_ID, SCHEMA_VERSION, Sql } from '../database/schema.js'
import { noteUse } from '../database/shared-stacks.js'
import { sharedPath, stackIdentity } from '../database/stack-identity.js'
import { IndexStore } from '../database/store.js'

export { removeDatabase } from '../database/in-use.js'

const BUSY_MS = 5000

interface OpenedIndex {
  readonly store: IndexStore
  readonly from: 'kept' | 'shared' | 'new'
  /** Nothing in it can be believed about the upper: its rows have to be read again. */
  readonly dirty: boolean
  /** What had to be done, in words for the log. */
  readonly messages: readonly string[]
}

/**
 * The database `path` of `stack`, open for writing in WAL mode; or why there is none. `useShared`: one that is not
 * there begins with what others know of this stack.
 */
export function openForWriting(
  path: string,
  stack: LowerStack,
  dirtyMark: string,
  useShared = true,
): OpenedIndex | StratafsError {
  // What is kept is not damaged when nothing can read it.
  const obstacle = sqliteObstacle()
  if (obstacle !== null)
    return new StratafsError(`${obstacle.fault}; the mount works without the index`, obstacle.code, obstacle.remedy)
  const messages: string[] = []
  const identity = stackIdentity(stack)
  if (markedBy(path) === null && !isMarked(path, dirtyMark))
    return new StratafsError(`index ${shown(path)} cannot be marked: the mount works without it`)
  const kept = takeKept(path, identity, dirtyMark, messages)
  if (kept !== null) return { ...kept, from: 'kept', messages }
  const from = useShared && copyShared(path, identity) ? 'shared' : 'new'
  try {
    const store = from === 'new' ? begin(path, stack, dirtyMark) : prepare(connect(path), path, dirtyMark)
    return { store, dirty: true, from, messages }
  } catch (error) {
    return new StratafsError(`index ${shown(path)} cannot be written (${codeOf(error)}): the mount works without it`)
  }
}

/**
 * Marks it, unsynced, before a copy of what others know could look like one that was ended here; false where that
 * cannot be done.
 */
function isMarked(path: string, mount: string): boolean {
  try {
    markInUse(path, mount, false)
    return true
  } catch {
    return false
  }
}

/** A new one, which is in WAL mode and marked from its first byte on. Throws what SQLite throws. */
function begin(path: string, stack: LowerStack, dirtyMark: string): IndexStore {
  const store = IndexStore.create(path, stack, dirtyMark)
  tune(store.db)
  return store
}

function tune(db: Connection): void {
  db.pragma(`busy_timeout = ${BUSY_MS}`)
  // Kilobytes; better-sqlite3 gives every connection 16 MB. What is in the file is in the page cache, too.
  db.pragma('cache_size = -4000')
  db.pragma('synchronous = NORMAL')
}

/** Makes a connection the writer's: WAL, and marked as in use. Throws what SQLite throws. */
function prepare(db: Connection, path: string, dirtyMark: string): IndexStore {
  tune(db)
  db.pragma('journal_mode = WAL')
  const store = IndexStore.of(db, path)
  store.setMeta('dirty', dirtyMark)
  // Into the file itself: with its log cut off it must not look like one that was ended.
  db.pragma('wal_checkpoint(FULL)')
  return store
}

/** What lies at `path`, when it can be used; else it is out of the way afterwards. */
function takeKept(
  path: string,
  identity: string,
  dirtyMark: string,
  messages: string[],
): { store: IndexStore; dirty: boolean } | null {
  if (!existsSync(pathBytes(path)) && !isStrange(path)) {
    removeDatabase(path)
    return null
  }
  let db: Connection | null = null
  let fault: string
  try {
    db = connect(path, { fileMustExist: true })
    fault = faultOf(db, identity) ?? ''
    if (fault === '') {
      const dirty = metaOf(db, 'dirty') !== 'clean' || markedBy(path) !== dirtyMark
      if (!dirty || isSound(db)) return { store: prepare(db, path, dirtyMark), dirty }
      fault = 'damaged'
    }
  } catch (error) {
    fault = codeOf(error)
  }
  db?.close()
  if (fault === OTHER_STACK) {
    removeDatabase(path)
    messages.push(`index ${shown(path)} was about other layers: begun anew`)
  } else messages.push(setAside(path, fault))
  return null
}

const OTHER_STACK = 'about another stack of layers'

/** Why this database cannot be used as it is; null when it can. Throws what SQLite throws. */
export function faultOf(db: Connection, identity: string): string | null {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) return 'of another program'
  const version = db.pragma('user_version', { simple: true })
  if (version !== SCHEMA_VERSION) return `of version ${version}, not ${SCHEMA_VERSION}`
  return metaOf(db, 'stack') === identity ? null : OTHER_STACK
}

function metaOf(db: Connection, key: string): unknown {
  return (db.prepare(Sql.getMeta).raw().get(key) as unknown[] | undefined)?.[0]
}

function isSound(db: Connection): boolean {
  return db.pragma('quick_check(1)', { simple: true }) === 'ok'
}

/** Puts a database that cannot be used out of the way. Returns what was done, in words. */
export function setAside(path: string, fault: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
  try {
    for (const companion of COMPANIONS) {
      if (existsSync(pathBytes(path + companion)) || isStrange(path + companion))
        renameSync(pathBytes(path + companion), pathBytes(aside + companion))
    }
    return `index ${shown(path)} is ${fault}: set aside as ${shown(aside)}, begun anew`
  } catch (error) {
    return `index ${shown(path)} is ${fault}, and cannot be set aside (${(error as Error).message})`
  }
}

/** Begins with what is known of this stack already; false when nothing is. */
function copyShared(path: string, identity: string): boolean {
  const shared = sharedPath(identity)
  if (!existsSync(pathBytes(shared)) || isStrange(shared)) return false
  const copy = pathBytes(`${path}.copy`)
  try {
    // What lies there is in nobody's way, and not opened.
    rmSync(copy, { force: true })
    copyFileSync(pathBytes(shared), copy, constants.COPYFILE_FICLONE)
    const db = connect(`${path}.copy`, { fileMustExist: true })
    const fault = faultOf(db, identity)
    db.close()
    if (fault !== null) return false
    noteUse(shared)
    renameSync(copy, pathBytes(path))
    return true
  } catch {
    return false
  } finally {
    rmSync(copy, { force: true })
  }
}
