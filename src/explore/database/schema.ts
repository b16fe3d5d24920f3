/**
 * The explorer's index: one SQLite file of every entry of every layer, made while the layers are read and thrown away
 * with the explorer. People may ask it, too (`sqlite3 FILE`): the view `files` has paths and reasons in words.
 */

/** Bits of entries.flags. */
export const Flag = {
  /** The layer hides what lies below under this name. */
  WHITEOUT: 1,
  /** Of a directory: nothing of the layers below shows in it. */
  OPAQUE: 2,
  /** The archive holds the parts of a sparse file only. */
  SPARSE: 4,
  /** Attributes only; the content is that of the layer below. */
  METACOPY: 8,
  /** No entry of its own: a directory on the way to one. */
  IMPLIED: 16,
  /** It lies elsewhere in its layer: a directory above was renamed. */
  MOVED: 32,
  /** Of a renamed directory: its lower parts lie elsewhere, and what lies below here does not show. */
  REDIRECT: 64,
  /** It shows elsewhere, too: a directory above was renamed. */
  RELOCATED: 128,
} as const

/** entries.type: S_IFMT >> 12; 0 for a whiteout without an entry; 15 for another name of a file (hard link). */
export const Type = {
  NONE: 0,
  FIFO: 1,
  CHAR: 2,
  DIRECTORY: 4,
  BLOCK: 6,
  FILE: 8,
  SYMLINK: 10,
  SOCKET: 12,
  LINK: 15,
} as const

/** entries.why: how the layer `hidden_by` hides it. */
export const Why = {
  REPLACED: 1,
  DELETED: 2,
  OPAQUE: 3,
  /** A directory above it was deleted. */
  PARENT_DELETED: 4,
  /** A directory above it became something else. */
  PARENT_REPLACED: 5,
} as const

/** The node of the root. */
export const ROOT = 1

/** The stack's number for "shows", where sums are told by what hides them. */
export const SHOWS = 1_000_000

/**
 * Of each directory: what lies below it, by layer and by the layer that hides it (SHOWS: none). `gone` counts
 * whiteouts.
 */
export const SUMS = `CREATE TABLE sums(
  node INTEGER NOT NULL, layer INTEGER NOT NULL, hidden_by INTEGER NOT NULL, bytes INTEGER NOT NULL,
  files INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY(node, layer, hidden_by)) WITHOUT ROWID;`

/**
 * What is wasted, the one definition of it: bytes that a layer holds and that a layer above hides, each file once. A
 * file of several names (entries.target leads from the others to the first) is hidden when its last name is:
 * entries.held says by which layer. Holes are no bytes (entries.stored is without them). What a layer holds twice under
 * one name it hides itself (repeats).
 */
const WASTED = `CREATE VIEW wasted_entries AS
  SELECT node, layer, coalesce(held, hidden_by) AS hidden_by, why, coalesce(stored, size) AS bytes, hash FROM entries
    WHERE hidden_by IS NOT NULL AND type = ${Type.FILE} AND coalesce(stored, size) > 0
      AND (held IS NULL OR held < ${SHOWS}) AND flags & ${Flag.RELOCATED | Flag.MOVED} = 0
  UNION ALL SELECT node, layer, layer, ${Why.REPLACED}, bytes, NULL FROM repeats WHERE bytes > 0;
CREATE VIEW wasted AS
  SELECT coalesce(nullif(p.path, '/'), '') || '/' || n.name AS path, w.layer, w.hidden_by, w.bytes
  FROM wasted_entries w JOIN nodes n USING (node) LEFT JOIN nodes p ON p.node = n.parent;`

/** Says of files with several names which layer hides the last of them; SHOWS: none. */
export const HOLD = `
UPDATE entries SET held = NULL WHERE held IS NOT NULL;
UPDATE entries SET held = max(links.last, coalesce(hidden_by, ${SHOWS})) FROM (
    SELECT target, layer, max(coalesce(hidden_by, ${SHOWS})) AS last FROM entries WHERE target IS NOT NULL
    GROUP BY target, layer) AS links
  WHERE entries.node = links.target AND entries.layer = links.layer AND entries.type = ${Type.FILE};
`

export const SCHEMA = `
CREATE TABLE layers(
  layer INTEGER PRIMARY KEY, label TEXT, digest TEXT, command TEXT, created TEXT, stored INTEGER,
  bytes INTEGER DEFAULT 0, entries INTEGER DEFAULT 0);
CREATE TABLE nodes(node INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name, path);
CREATE UNIQUE INDEX nodes_by_name ON nodes(parent, name);
CREATE TABLE entries(
  node INTEGER NOT NULL, layer INTEGER NOT NULL, type INTEGER NOT NULL, mode INTEGER, uid INTEGER, gid INTEGER,
  size INTEGER, mtime INTEGER, link, xattrs TEXT, place INTEGER, hash BLOB, flags INTEGER NOT NULL,
  hidden_by INTEGER, why INTEGER, target INTEGER, stored INTEGER, held INTEGER, PRIMARY KEY(node, layer)) WITHOUT ROWID;
CREATE INDEX entries_links ON entries(target, layer) WHERE target IS NOT NULL;
CREATE INDEX entries_held ON entries(held) WHERE held IS NOT NULL;
CREATE TABLE repeats(node INTEGER NOT NULL, layer INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TRIGGER repeated BEFORE UPDATE OF place ON entries
  WHEN old.type = ${Type.FILE} AND old.place IS NOT NULL AND new.place IS NOT old.place
  BEGIN INSERT INTO repeats VALUES(old.node, old.layer, coalesce(old.stored, old.size)); END;
${WASTED}
${SUMS}${SUMS.replace('sums', 'sums_next')}
CREATE VIEW files AS
  SELECT CASE WHEN n.node = 1 THEN '/' ELSE coalesce(nullif(p.path, '/'), '') || '/' || n.name END AS path,
    e.layer, l.label,
    CASE e.type WHEN 0 THEN 'whiteout' WHEN 1 THEN 'fifo' WHEN 2 THEN 'char' WHEN 4 THEN 'directory'
      WHEN 6 THEN 'block' WHEN 8 THEN 'file' WHEN 10 THEN 'symlink' WHEN 15 THEN 'link' ELSE 'socket' END AS kind,
    printf('%04o', e.mode) AS mode, e.uid, e.gid, e.size, datetime(e.mtime, 'unixepoch') AS modified, e.link,
    e.xattrs, e.hidden_by,
    CASE e.why WHEN 1 THEN 'replaced' WHEN 2 THEN 'deleted' WHEN 3 THEN 'hidden by an opaque directory'
      WHEN 4 THEN 'in a deleted directory' WHEN 5 THEN 'below what is no directory any more' END AS why
  FROM entries e JOIN nodes n USING (node) LEFT JOIN nodes p ON p.node = n.parent JOIN layers l USING (layer);
`

/** Made once all is read. */
export const LATE_INDEXES = `
CREATE INDEX entries_hidden ON entries(hidden_by) WHERE hidden_by IS NOT NULL;
CREATE INDEX entries_by_content ON entries(size, hash) WHERE type = 8 AND size >= 1024;
`
