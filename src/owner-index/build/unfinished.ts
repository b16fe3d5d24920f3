/** The database of a build that has not ended. */
import { connect } from '../database/database.js'
import { IndexStore } from '../database/store.js'

/** Opens the unfinished database at `path`: nobody else sees it, and an interrupted build is thrown away. */
export function openUnfinished(path: string): IndexStore {
  const store = IndexStore.of(connect(path), path)
  store.db.pragma('journal_mode = OFF')
  store.db.pragma('synchronous = OFF')
  return store
}
