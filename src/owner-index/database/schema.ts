/**
 * The database's shape, version 4, and every statement that is used on it. docs/index.md explains it to people, who may
 * query it with plain sqlite3 while the filesystem is mounted. Names and paths are BLOBs, because they are bytes; the
 * views show them as text. A path is relative to the merged root, without a slash in front; the root is empty.
 */
import { STAT_COLUMNS, VIEW_COLUMNS } from './stat-rows.js'

/** `stra` as a number: whose database this is. */
export const APPLICATION_ID = 0x73747261
export const SCHEMA_VERSION = 4

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
CREATE TABLE dirs (id INTEGER PRIMARY KEY, parent INTEGER, path BLOB NOT NULL UNIQUE, layers BLOB NOT NULL,
  read_at REAL NOT NULL, racy INTEGER NOT NULL, flags INTEGER NOT NULL, count INTEGER NOT NULL, sum INTEGER NOT NULL,
  stamps BLOB NOT NULL);
CREATE INDEX dirs_parent ON dirs (parent);
CREATE TABLE entries (dir INTEGER NOT NULL, name BLOB NOT NULL, layer INTEGER NOT NULL, layers BLOB,
  flags INTEGER NOT NULL, mode INTEGER NOT NULL, size INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
  mtime INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
  ino INTEGER NOT NULL, links INTEGER NOT NULL, atime INTEGER, atime_ns INTEGER,
  btime INTEGER, btime_ns INTEGER, blocks INTEGER,
  blksize INTEGER, rdev INTEGER NOT NULL, hash INTEGER NOT NULL, PRIMARY KEY (dir, name)) WITHOUT ROWID;
CREATE TABLE hidden (dir INTEGER NOT NULL, name BLOB NOT NULL, layer INTEGER NOT NULL, type INTEGER NOT NULL,
  hider INTEGER, why TEXT NOT NULL, PRIMARY KEY (dir, name, layer)) WITHOUT ROWID;
CREATE TABLE upper (path BLOB PRIMARY KEY, parent BLOB NOT NULL, name BLOB NOT NULL, whiteout INTEGER NOT NULL,
  opaque INTEGER NOT NULL, redirect BLOB, mode INTEGER NOT NULL, size INTEGER NOT NULL, uid INTEGER NOT NULL,
  gid INTEGER NOT NULL, mtime INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ino INTEGER NOT NULL, links INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX upper_parent ON upper (parent);
`

const KIND = `CASE mode >> 12 WHEN 8 THEN 'file' WHEN 4 THEN 'directory' WHEN 10 THEN 'symlink' WHEN 1 THEN 'fifo'
  WHEN 12 THEN 'socket' WHEN 2 THEN 'character device' WHEN 6 THEN 'block device' ELSE 'unknown' END`

/**
 * `shown` walks the merged tree's directories: each lower directory under the path at which it is shown, which is
 * another one where the upper renamed it. `owners` is what people ask: every path of the merged tree with its layer.
 */
const VIEWS = `
CREATE VIEW shown AS WITH RECURSIVE tree (path, dir) AS (
  SELECT x'', id FROM dirs WHERE path = x''
  UNION ALL
  SELECT u.path, d.id FROM upper u JOIN dirs d ON d.path = u.redirect WHERE u.redirect IS NOT NULL
  UNION ALL
  SELECT CAST(CASE WHEN t.path = x'' THEN e.name ELSE t.path || '/' || e.name END AS BLOB), d.id
  FROM tree t
  JOIN dirs p ON p.id = t.dir
  JOIN dirs d ON d.parent = t.dir
  JOIN entries e ON e.dir = t.dir
    AND e.name = CAST(CASE WHEN p.path = x'' THEN d.path ELSE substr(d.path, length(p.path) + 2) END AS BLOB)
  WHERE NOT EXISTS (SELECT 1 FROM upper u
    WHERE u.path = CAST(CASE WHEN t.path = x'' THEN e.name ELSE t.path || '/' || e.name END AS BLOB)
      AND (u.whiteout OR u.opaque OR u.redirect IS NOT NULL OR u.mode >> 12 <> 4)))
SELECT path, dir FROM tree;
CREATE VIEW owners AS
SELECT '/' || CAST(CASE WHEN s.path = x'' THEN e.name ELSE s.path || '/' || e.name END AS TEXT) AS path,
  e.layer AS layer, 'lower' AS role, ${KIND} AS kind, e.mode AS mode, e.size AS size, e.uid AS uid, e.gid AS gid,
  e.mtime AS mtime, e.ino AS ino, e.links AS links
FROM shown s JOIN entries e ON e.dir = s.dir
WHERE NOT EXISTS (SELECT 1 FROM upper u
  WHERE u.path = CAST(CASE WHEN s.path = x'' THEN e.name ELSE s.path || '/' || e.name END AS BLOB))
UNION ALL
SELECT '/' || CAST(path AS TEXT), -1, 'upper', ${KIND}, mode, size, uid, gid, mtime, ino, links
FROM upper WHERE NOT whiteout;
CREATE VIEW coverage AS
SELECT (SELECT count(*) FROM dirs) AS directories_read,
  (SELECT count(*) FROM entries WHERE mode >> 12 = 4) + 1 AS directories_found,
  coalesce((SELECT value FROM meta WHERE key = 'complete'), 0) AS complete,
  (SELECT CASE WHEN d.value = 'clean' THEN 'clean' WHEN d.value = u.value THEN 'followed' ELSE 'unread' END
    FROM (SELECT 1) LEFT JOIN meta d ON d.key = 'dirty' LEFT JOIN meta u ON u.key = 'upper_read') AS upper;
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
  findDir: 'SELECT id, layers, read_at, racy, flags, count, sum FROM dirs WHERE path = ?',
  stampsOf: 'SELECT stamps FROM dirs WHERE id = ? AND read_at = ?',
  stampedDir: 'SELECT id, layers, stamps FROM dirs WHERE path = ?',
  dirIdOf: 'SELECT id FROM dirs WHERE path = ?',
  knownDir: 'SELECT id, layers, stamps, racy, read_at, flags, count FROM dirs WHERE path = ?',
  childDirectories: 'SELECT name, layer, layers, flags FROM entries WHERE dir = ? AND mode >> 12 = 4',
  maxDirId: 'SELECT coalesce(max(id), 0) FROM dirs',
  putDir: `INSERT INTO dirs (id, parent, path, layers, stamps, read_at, racy, flags, count, sum)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET parent = excluded.parent,
    layers = excluded.layers, stamps = excluded.stamps, read_at = excluded.read_at, racy = excluded.racy,
    flags = excluded.flags, count = excluded.count, sum = excluded.sum`,
  childDirs: 'SELECT id, path FROM dirs WHERE parent = ?',
  dropDir: 'DELETE FROM dirs WHERE id = ?',
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
  wideDirs: `SELECT id, path, layers, stamps FROM dirs WHERE length(layers) >= ? AND NOT flags & ?
    ORDER BY length(layers) DESC, length(path)`,
  hiddenRows: 'SELECT name, layer, type, hider, why FROM hidden WHERE dir = ?',
  countDirs: 'SELECT count(*) FROM dirs',
  countEntries: 'SELECT count(*) FROM entries',
  countUpper: 'SELECT count(*) FROM upper',
  putUpper: 'INSERT OR REPLACE INTO upper VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  dropUpper: 'DELETE FROM upper WHERE path = ?',
  dropUpperBelow: 'DELETE FROM upper WHERE path > ? AND path < ?',
  dropAllUpper: 'DELETE FROM upper',
  upperOf: 'SELECT * FROM upper WHERE path = ?',
} as const
