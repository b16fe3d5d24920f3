/**
 * What shows and what does not: one walk over the merged tree, each directory page by page. It says of each entry which
 * layer hides it and how, and adds up for each directory what lies below: by layer, and by the layer that hides it. So
 * every later question about "up to layer N" is answered from rows: an entry shows there if nothing up to N hides it.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import type { IndexFile } from './index-file.js'
import { Flag, HOLD, ROOT, SHOWS, SUMS, Type, Why } from './schema.js'

/** Rows of a directory that are held at once. */
const PAGE = 2_000
/** How long others wait for their turn, in milliseconds. */
const TURN_MS = 25

/** A layer from which on, downwards, nothing shows. Ascending in a list. */
interface Cut {
  readonly layer: number
  readonly why: number
  /** What was brought here by a redirect still shows. */
  readonly redirect?: true
}

type Entry = readonly [layer: number, type: number, flags: number, size: number, by: number | null, why: number | null]
type Row = [node: number, name: unknown, ...entry: Entry]

interface Child {
  readonly node: number
  readonly entries: Entry[]
}

/** Bytes, files and whiteouts. */
type Sum = [bytes: number, files: number, gone: number]

interface Frame {
  readonly node: number
  readonly cuts: readonly Cut[]
  readonly sums: Map<number, Sum>
  /** Directories still to visit, and the name after which the next page begins; null after the last. */
  readonly waiting: { readonly node: number; readonly cuts: readonly Cut[] }[]
  after: unknown | null
}

const CHILDREN = `SELECT n.node, n.name, e.layer, e.type, e.flags, coalesce(e.size, 0), e.hidden_by, e.why
  FROM (SELECT node, name FROM nodes WHERE parent = ? AND name > ? ORDER BY name LIMIT ${PAGE}) n
  JOIN entries e USING (node) ORDER BY n.name, e.layer`
const HIDE = 'UPDATE entries SET hidden_by = ?, why = ? WHERE node = ? AND layer = ?'
const FIRST_CHILDREN = CHILDREN.replace('name > ?', '? IS NULL')

/** Fills hidden_by, why and sums, anew where they were filled before. `signal` ends it. */
export async function resolveIndex(index: IndexFile, signal: AbortSignal): Promise<void> {
  index.together(() => index.exec('DELETE FROM sums_next'))
  const stack: Frame[] = []
  index.together(() => stack.push(frameOf(index, ROOT, rootCuts(index))))
  for (let turn = performance.now(); stack.length > 0; turn = performance.now()) {
    if (signal.aborted) return
    index.together(() => {
      while (stack.length > 0 && performance.now() - turn < TURN_MS) step(index, stack)
    })
    await breathe()
  }
  // Who asks meanwhile gets the old sums or the new ones.
  const swap = 'DROP TABLE sums; ALTER TABLE sums_next RENAME TO sums;'
  index.together(() => index.exec(swap + SUMS.replace('sums', 'sums_next') + HOLD))
}

function rootCuts(index: IndexFile): Cut[] {
  const rows = index
    .sql('SELECT layer, type, flags, 0, hidden_by, why FROM entries WHERE node = ? ORDER BY layer')
    .raw()
    .all(ROOT)
  return judge(index, { node: ROOT, entries: rows as Entry[] }, [])
}

function frameOf(index: IndexFile, node: number, cuts: readonly Cut[]): Frame {
  const frame: Frame = { node, cuts, sums: new Map(), waiting: [], after: null }
  readPage(index, frame, null)
  return frame
}

function step(index: IndexFile, stack: Frame[]): void {
  const frame = stack.at(-1)!
  const next = frame.waiting.pop()
  if (next !== undefined) stack.push(frameOf(index, next.node, next.cuts))
  else if (frame.after !== null) readPage(index, frame, frame.after)
  else {
    stack.pop()
    finish(index, frame, stack.at(-1) ?? null)
  }
}

/** Judges the next children of a directory; those that are directories wait to be visited. */
function readPage(index: IndexFile, frame: Frame, after: unknown): void {
  const sql = after === null ? FIRST_CHILDREN : CHILDREN
  const rows = index.sql(sql).raw().all(frame.node, after) as Row[]
  const children: Child[] = []
  for (const [node, , ...entry] of rows) {
    if (children.at(-1)?.node !== node) children.push({ node, entries: [] })
    children.at(-1)!.entries.push(entry)
  }
  for (const child of children) visit(index, frame, child)
  frame.after = children.length < PAGE ? null : rows.at(-1)![1]
}

function visit(index: IndexFile, frame: Frame, child: Child): void {
  const cuts = judge(index, child, frame.cuts, frame.sums)
  if (child.entries.some(([, type]) => type === Type.DIRECTORY)) frame.waiting.push({ node: child.node, cuts })
}

/** Says what hides each entry of `child`, counts them, and returns what is cut off for all that is in it. */
function judge(index: IndexFile, child: Child, above: readonly Cut[], sums?: Map<number, Sum>): Cut[] {
  const own = cutsOf(child.entries)
  for (const [layer, type, flags, size, oldBy, oldWhy] of child.entries) {
    if ((flags & Flag.WHITEOUT) !== 0) add(sums, layer, SHOWS, 0, 0, 1)
    if (type === Type.NONE) continue
    const isMoved = (flags & Flag.MOVED) !== 0
    const cut = above.find((each) => each.layer > layer && !(isMoved && each.redirect)) ?? null
    const mine = ownCut(child.entries, layer, type)
    const by = mine === null || (cut !== null && cut.layer <= mine.layer) ? cut : mine
    const [layerNow, whyNow] = by === null ? [null, null] : [by.layer, by.why]
    if (layerNow !== oldBy || whyNow !== oldWhy) index.sql(HIDE).run(layerNow, whyNow, child.node, layer)
    const isFile = type === Type.FILE
    const isElsewhere = by !== null && (flags & Flag.RELOCATED) !== 0
    if (type !== Type.DIRECTORY && !isElsewhere) add(sums, layer, by?.layer ?? SHOWS, isFile ? size : 0, 1, 0)
  }
  return own.length === 0 ? (above as Cut[]) : merged(above, own)
}

/** What the entries of one name do to what is in it, of the layers below each. */
function cutsOf(entries: readonly Entry[]): Cut[] {
  const cuts: Cut[] = []
  for (const [layer, type, flags] of entries) {
    if ((flags & Flag.WHITEOUT) !== 0) cuts.push({ layer, why: Why.PARENT_DELETED })
    else if (type !== Type.DIRECTORY) cuts.push({ layer, why: Why.PARENT_REPLACED })
    else if ((flags & Flag.REDIRECT) !== 0) cuts.push({ layer, why: Why.OPAQUE, redirect: true })
    else if ((flags & Flag.OPAQUE) !== 0) cuts.push({ layer, why: Why.OPAQUE })
  }
  return cuts
}

/** The lowest layer above `layer` that hides its own entry of this name; null where it shows, or is merged. */
function ownCut(entries: readonly Entry[], layer: number, type: number): Cut | null {
  for (const [above, kind, flags] of entries) {
    if (above <= layer) continue
    if ((flags & Flag.WHITEOUT) !== 0) return { layer: above, why: kind === Type.NONE ? Why.DELETED : Why.REPLACED }
    if (kind !== Type.DIRECTORY || type !== Type.DIRECTORY) return { layer: above, why: Why.REPLACED }
  }
  return null
}

function merged(a: readonly Cut[], b: readonly Cut[]): Cut[] {
  const byLayer = new Map([...b, ...a].map((cut) => [cut.layer, cut]))
  return [...byLayer.values()].sort((x, y) => x.layer - y.layer)
}

function add(
  sums: Map<number, Sum> | undefined,
  layer: number,
  by: number,
  bytes: number,
  files: number,
  gone: number,
) {
  if (sums === undefined) return
  const key = layer * (SHOWS + 1) + by
  const sum = sums.get(key)
  if (sum === undefined) sums.set(key, [bytes, files, gone])
  else {
    sum[0] += bytes
    sum[1] += files
    sum[2] += gone
  }
}

function finish(index: IndexFile, { node, sums }: Frame, parent: Frame | null): void {
  for (const [key, [bytes, files, gone]] of sums) {
    const [layer, by] = [Math.floor(key / (SHOWS + 1)), key % (SHOWS + 1)]
    index.sql('INSERT INTO sums_next VALUES(?, ?, ?, ?, ?, ?)').run(node, layer, by, bytes, files, gone)
    if (parent !== null) add(parent.sums, layer, by, bytes, files, gone)
  }
}
