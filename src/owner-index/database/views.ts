/**
 * What people ask the database: rows name directories by their parents, views show paths. Each walks down from the root
 * once, so that a whole listing takes as long as it has text.
 */

const KIND = `CASE mode >> 12 WHEN 8 THEN 'file' WHEN 4 THEN 'directory' WHEN 10 THEN 'symlink' WHEN 1 THEN 'fifo'
  WHEN 12 THEN 'socket' WHEN 2 THEN 'character device' WHEN 6 THEN 'block device' ELSE 'unknown' END`

/** The path of `name` in the directory at `path`, both columns. */
function joined(path: string, name: string, as: 'BLOB' | 'TEXT' = 'BLOB'): string {
  return `CAST(CASE WHEN ${path} = x'' THEN ${name} ELSE ${path} || '/' || ${name} END AS ${as})`
}

const DIRS = `
CREATE VIEW dirs AS WITH RECURSIVE below (id, path) AS (
  SELECT id, x'' FROM lower_dirs WHERE parent = 0
  UNION ALL
  SELECT d.id, ${joined('b.path', 'd.name')} FROM below b JOIN lower_dirs d ON d.parent = b.id)
SELECT d.id, d.parent, b.path, d.layers, d.stamps, d.read_at, d.racy, d.flags, d.count, d.sum
FROM below b JOIN lower_dirs d ON d.id = b.id;
`

const UPPER = `
CREATE VIEW upper AS WITH RECURSIVE below (id, path, parent) AS (
  SELECT id, name, x'' FROM upper_entries WHERE parent = 0
  UNION ALL
  SELECT u.id, CAST(b.path || '/' || u.name AS BLOB), b.path FROM below b JOIN upper_entries u ON u.parent = b.id)
SELECT b.path, b.parent, u.name, u.whiteout, u.opaque, u.redirect, u.mode, u.size, u.uid, u.gid, u.mtime, u.mtime_ns,
  u.ino, u.links
FROM below b JOIN upper_entries u ON u.id = b.id;
`

/** The path of the upper's row `u`, from the name up: there are few redirects. */
const REDIRECTED_PATH = `(WITH RECURSIVE above (parent, path) AS (
    SELECT u.parent, u.name
    UNION ALL
    SELECT p.parent, CAST(p.name || '/' || a.path AS BLOB) FROM above a JOIN upper_entries p ON p.id = a.parent)
  SELECT path FROM above WHERE parent = 0)`

/**
 * `shown` walks the merged tree's directories: each lower directory under the path at which it is shown, which is
 * another one where the upper renamed it, and the upper's row of it (0: the root, -1: there is none). `owners` is what
 * people ask: every path of the merged tree with its layer.
 */
const MERGED = `
CREATE VIEW shown AS WITH RECURSIVE tree (path, dir, upper) AS (
  SELECT x'', id, 0 FROM lower_dirs WHERE parent = 0
  UNION ALL
  SELECT ${REDIRECTED_PATH}, d.id, u.id FROM upper_entries u JOIN lower_dirs d ON d.key = u.redirect_key
    WHERE u.redirect_key IS NOT NULL
  UNION ALL
  SELECT ${joined('t.path', 'd.name')}, d.id, coalesce(u.id, -1)
  FROM tree t
  JOIN lower_dirs d ON d.parent = t.dir
  JOIN entries e ON e.dir = t.dir AND e.name = d.name
  LEFT JOIN upper_entries u ON u.parent = t.upper AND u.name = d.name
  WHERE u.id IS NULL OR NOT (u.whiteout OR u.opaque OR u.redirect IS NOT NULL OR u.mode >> 12 <> 4))
SELECT path, dir, upper FROM tree;
CREATE VIEW owners AS
SELECT '/' || ${joined('s.path', 'e.name', 'TEXT')} AS path,
  e.layer AS layer, 'lower' AS role, ${KIND} AS kind, e.mode AS mode, e.size AS size, e.uid AS uid, e.gid AS gid,
  e.mtime AS mtime, e.ino AS ino, e.links AS links
FROM shown s JOIN entries e ON e.dir = s.dir
WHERE NOT EXISTS (SELECT 1 FROM upper_entries u WHERE u.parent = s.upper AND u.name = e.name)
UNION ALL
SELECT '/' || CAST(path AS TEXT), -1, 'upper', ${KIND}, mode, size, uid, gid, mtime, ino, links
FROM upper WHERE NOT whiteout;
`

const COVERAGE = `
CREATE VIEW coverage AS
SELECT (SELECT count(*) FROM lower_dirs) AS directories_read,
  (SELECT count(*) FROM entries WHERE mode >> 12 = 4) + 1 AS directories_found,
  coalesce((SELECT value FROM meta WHERE key = 'complete'), 0) AS complete,
  (SELECT CASE WHEN d.value = 'clean' THEN 'clean' WHEN d.value = u.value THEN 'followed' ELSE 'unread' END
    FROM (SELECT 1) LEFT JOIN meta d ON d.key = 'dirty' LEFT JOIN meta u ON u.key = 'upper_read') AS upper;
`

export const VIEWS = DIRS + UPPER + MERGED + COVERAGE
