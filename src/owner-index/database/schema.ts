/**
 * The database's shape, version 5, and every statement that is used on it. docs/index.md explains it to people, who may
 * query it with plain sqlite3 while the filesystem is mounted. Names and paths are BLOBs, because they are bytes; the
 * views show them as text. A path is relative to the merged root, without a slash in front; the root is empty. Rows
 * name a directory by its parent's id and a name; the views (views.ts) put paths together.
 */
import { STAT_COLUMNS, VIEW_COLUMNS } from './stat-rows.js'
import { VIEWS } from './views.js'

/** `stra` as a number: whose database this is. */
export const APPLICATION_ID = 0x73747261
export const SCHEMA_VERSION = 5

/** Bits of dirs.flags. */
export const DirFlag = {
  /** Some part lies under another path in its layer. */
  REDIRECTED: 1,
  /** What the rows say cannot stand for the layers: the engine does not use them. */
  UNUSABLE: 2,
} as const

const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE layers (ord INTEGER PRIMARY KEY, role TEXT NOT NULL, root BLOB NOT NULL, identity TEXT NOT NULL, uuid BLOB,
  edited INTEGER NOT NULL DEFAULT 0);
CREATE TABLE lower_dirs (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL, key BLOB UNIQUE,
  layers BLOB NOT NULL, read_at REAL NOT NULL, racy INTEGER NOT NULL, flags INTEGER NOT NULL, count INTEGER NOT NULL,
  sum INTEGER NOT NULL, stamps BLOB NOT NULL, UNIQUE (parent, name));
CREATE TABLE entries (dir INTEGER NOT NULL, name BLOB NOT NULL, layer INTEGER NOT NULL, layers BLOB,
  flags INTEGER NOT NULL, mode INTEGER NOT NULL, size INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
  mtime INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
  ino INTEGER NOT NULL, links INTEGER NOT NULL, atime INTEGER, atime_ns INTEGER,
  btime INTEGER, btime_ns INTEGER, blocks INTEGER,
  blksize INTEGER, rdev INTEGER NOT NULL, hash INTEGER NOT NULL, PRIMARY KEY (dir, name)) WITHOUT ROWID;
CREATE TABLE hidden (dir INTEGER NOT NULL, name BLOB NOT NULL, layer INTEGER NOT NULL, type INTEGER NOT NULL,
  hider INTEGER, why TEXT NOT NULL, PRIMARY KEY (dir, name, layer)) WITHOUT ROWID;
CREATE TABLE upper_entries (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL,
  whiteout INTEGER NOT NULL, opaque INTEGER NOT NULL, redirect BLOB, redirect_key BLOB, mode INTEGER NOT NULL,
  size INTEGER NOT NULL, uid INTEGER NOT NULL,
  gid INTEGER NOT NULL, mtime INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ino INTEGER NOT NULL, links INTEGER NOT NULL,
  UNIQUE (parent, name));
CREATE INDEX upper_redirects ON upper_entries (redirect_key) WHERE redirect_key IS NOT NULL;
`

/** Everything a new database is made with. */
export const CREATE = `PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
BEGIN;${TABLES}${VIEWS}COMMIT;`

const VIEW_NUMBERS = 'layer, flags, mode, ino, ctime, ctime_ns'

/** The names of a directory as one value, the largest inode number, and each column of numbers as JSON. */
function byColumns(columns: string): string {
  const texts = columns.split(', ').map((column) => `json_group_array(${column})`)
  return `SELECT CAST(group_concat(name, '/') AS BLOB), max(ino), ${texts.join(', ')} FROM entries WHERE dir = ?`
}

/** Statements by what they are for. `whole`: with what it takes to answer without a look at the file. */
export const Sql = {
  getMeta: 'SELECT value FROM meta WHERE key = ?',
  setMeta: 'INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  addLayer: 'INSERT INTO layers (ord, role, root, identity, uuid) VALUES (?, ?, ?, ?, ?)',
  allLayers: 'SELECT ord, role, root, identity, edited FROM layers ORDER BY ord',
  layerEdited: 'UPDATE layers SET edited = edited + 1 WHERE ord = ?',
  findDir: 'SELECT id, layers, read_at, racy, flags, count, sum FROM lower_dirs WHERE key = ?',
  stampsOf: 'SELECT stamps FROM lower_dirs WHERE id = ? AND read_at = ?',
  stampedDir: 'SELECT id, layers, stamps FROM lower_dirs WHERE parent = ? AND name = ?',
  dirOfKey: 'SELECT id FROM lower_dirs WHERE key = ?',
  dirIn: 'SELECT id FROM lower_dirs WHERE parent = ? AND name = ?',
  aboveDir: 'SELECT parent, name FROM lower_dirs WHERE id = ?',
  allDirs: 'SELECT id FROM lower_dirs',
  knownDir: 'SELECT id, layers, stamps, racy, read_at, flags, count FROM lower_dirs WHERE parent = ? AND name = ?',
  childDirectories: `SELECT name, layer, layers, flags, ino, ctime, ctime_ns FROM entries
    WHERE dir = ? AND mode >> 12 = 4`,
  maxDirId: 'SELECT coalesce(max(id), 0) FROM lower_dirs',
  putDir: `INSERT INTO lower_dirs (id, parent, name, key, layers, stamps, read_at, racy, flags, count, sum)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET layers = excluded.layers,
    stamps = excluded.stamps, read_at = excluded.read_at, racy = excluded.racy, flags = excluded.flags,
    count = excluded.count, sum = excluded.sum`,
  childDirs: 'SELECT id, name FROM lower_dirs WHERE parent = ?',
  dropDir: 'DELETE FROM lower_dirs WHERE id = ?',
  dropEntries: 'DELETE FROM entries WHERE dir = ?',
  dropHidden: 'DELETE FROM hidden WHERE dir = ?',
  putEntry: 'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  putHidden: 'INSERT OR REPLACE INTO hidden VALUES (?, ?, ?, ?, ?, ?)',
  viewRows: `SELECT ${VIEW_COLUMNS} FROM entries WHERE dir = ?`,
  columns: byColumns(VIEW_NUMBERS),
  wholeColumns: byColumns(`${VIEW_NUMBERS}, ${STAT_COLUMNS}`),
  ownersOf: 'SELECT DISTINCT layer FROM entries WHERE dir = ? ORDER BY layer',
  joined: 'SELECT name, layers FROM entries WHERE dir = ? AND layers IS NOT NULL',
  oneRow: `SELECT ${VIEW_COLUMNS} FROM entries WHERE dir = ? AND name = ?`,
  wholeRows: `SELECT ${VIEW_COLUMNS}, ${STAT_COLUMNS} FROM entries WHERE dir = ?`,
  oneWholeRow: `SELECT ${VIEW_COLUMNS}, ${STAT_COLUMNS} FROM entries WHERE dir = ? AND name = ?`,
  allRows: 'SELECT * FROM entries WHERE dir = ? ORDER BY name',
  wideDirs: `SELECT id, layers, stamps FROM lower_dirs WHERE length(layers) >= ? AND NOT flags & ? AND key IS NOT NULL
    ORDER BY length(layers) DESC, id`,
  hiddenRows: 'SELECT name, layer, type, hider, why FROM hidden WHERE dir = ?',
  countDirs: 'SELECT count(*) FROM lower_dirs',
  countEntries: 'SELECT count(*) FROM entries',
  countUpper: 'SELECT count(*) FROM upper_entries',
  putUpper: `INSERT INTO upper_entries (parent, name, whiteout, opaque, redirect, redirect_key, mode, size, uid, gid,
    mtime,
    mtime_ns, ino, links) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (parent, name) DO UPDATE SET
    whiteout = excluded.whiteout, opaque = excluded.opaque, redirect = excluded.redirect,
    redirect_key = excluded.redirect_key, mode = excluded.mode, size = excluded.size, uid = excluded.uid,
    gid = excluded.gid, mtime = excluded.mtime, mtime_ns = excluded.mtime_ns, ino = excluded.ino, links = excluded.links
    RETURNING id`,
  upperIn: 'SELECT id, whiteout, opaque, redirect, mode FROM upper_entries WHERE parent = ? AND name = ?',
  upperRow: 'SELECT parent, name, redirect FROM upper_entries WHERE id = ?',
  upperBelow: 'SELECT id FROM upper_entries WHERE parent = ?',
  allOfUpper: 'SELECT * FROM upper_entries WHERE parent = ?',
  dropUpper: 'DELETE FROM upper_entries WHERE id = ?',
  dropAllUpper: 'DELETE FROM upper_entries',
} as const
