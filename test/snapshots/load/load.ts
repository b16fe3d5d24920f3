/**
 * Programs that write (random I/O in step with a model, an SQLite database in WAL mode, acts on names) while a snapshot
 * is made every 100 ms. Afterwards each snapshot is looked at: the files hold what they held at that moment, the
 * database is whole and has all that was committed before, and nothing has come into the snapshot since.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { createSnapshot, mount, showSnapshot } from '../../../src/index.js'
import { contentsOf, differences, timesOf } from '../tree.js'
import { changesOf, committedAt, DATABASE, IO_FILES, judgeContent, type Moment, Programs } from './programs.js'

const EVERY_MS = 100
/** The engine takes 500 layers; more snapshots than that are made in mounts one after the other. */
const MOST = 150
/** Every so many, all of the snapshot is read at once, and again at the end. */
const READ_AT_ONCE = 10

interface LoadOptions {
  readonly seconds: number
  readonly seed: number
  readonly data: 'passthrough' | 'cached'
  /** Further mount options. */
  readonly options?: string
}

export interface LoadResult {
  readonly seconds: number
  readonly snapshots: number
  /** Those for which nothing was written while pages went out. */
  readonly settled: number
  /** Those that were refused, as files were written to without a pause. */
  readonly refused: number
  /** Milliseconds for which changes waited, each. */
  readonly pauses: readonly number[]
  readonly faults: readonly string[]
}

interface Made extends Moment {
  readonly name: string
  /** What its directory held at once, and when. */
  readonly seen: Map<string, string> | null
  readonly settled: boolean
}

/** Loads one mount in the empty directory `at`, for `seconds` or as many snapshots as one takes. */
export async function load(at: string, { seconds, seed, data, options }: LoadOptions): Promise<LoadResult> {
  for (const name of ['base', 'base/acts', 'upper', 'work', 'merged', 'view', 'db']) fs.mkdirSync(join(at, name))
  fs.writeFileSync(join(at, 'base/io'), Buffer.alloc(50_000, 'below '))
  const below = contentsOf(join(at, 'base'))
  const [merged, base] = [join(at, 'merged'), join(at, 'base')]
  const words = [`data=${data}`, ...(options === undefined ? [] : [options])].join(',')
  const place = { lower: [base], upper: join(at, 'upper'), work: join(at, 'work') }
  const mounted = await mount(merged, { ...place, options: words })
  fs.writeFileSync(join(merged, 'fresh'), Buffer.alloc(9000, 'new '))
  const programs = new Programs(at, merged, seed)
  const pauses: number[] = []
  const begun = Date.now()
  const { made, refused } = await makeSnapshots(merged, seconds, programs, pauses)
  const took = (Date.now() - begun) / 1000
  const faults = await programs.end()
  for (const each of made) faults.push(...(await judge(at, programs, each, options)))
  await mounted.unmount()
  const changed = differences(below, contentsOf(base))
  if (changed !== '') faults.push(`the lower layer: ${changed}`)
  return {
    seconds: took,
    snapshots: made.length,
    settled: made.filter((each) => each.settled).length,
    refused,
    pauses,
    faults,
  }
}

async function makeSnapshots(
  merged: string,
  seconds: number,
  programs: Programs,
  pauses: number[],
): Promise<{ made: Made[]; refused: number }> {
  const made: Made[] = []
  let refused = 0
  const until = Date.now() + seconds * 1000
  while (Date.now() < until && made.length < MOST && programs.faults().length === 0) {
    const begun = Date.now() / 1000
    try {
      const { name, path, settled, milliseconds } = await createSnapshot(merged, { name: `s${made.length}` })
      const ended = Date.now() / 1000
      pauses.push(milliseconds.all)
      made.push({ name, begun, ended, settled, seen: made.length % READ_AT_ONCE === 0 ? everythingIn(path) : null })
    } catch (error) {
      if (!/written to/.test((error as Error).message)) throw error
      refused++
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun * 1000 + EVERY_MS - Date.now())))
  }
  return { made, refused }
}

function everythingIn(path: string): Map<string, string> {
  const times = timesOf(path)
  return new Map([...contentsOf(path)].map(([name, words]) => [name, `${words} ${times.get(name)}`]))
}

/** What is wrong with one of them. Files lie in the first layer that has them; of some the whole tree is looked at. */
async function judge(at: string, programs: Programs, made: Made, options?: string): Promise<string[]> {
  const { lowerdir, path } = showSnapshot(join(at, 'merged'), made.name)
  const lowers = lowerdir.split(':')
  const faults = [judgeDatabase(lowers, join(at, 'db'), programs.logOf(DATABASE), made)]
  // Where a program wrote all the time its last pages may be there in part, as is said.
  if (made.settled) for (const name of IO_FILES) faults.push(judgeFile(lowers, name, programs, made))
  if (made.seen !== null) {
    faults.push(differences(made.seen, everythingIn(path)))
    faults.push(await judgeView(join(at, 'view'), lowers, options))
  }
  return faults.flatMap((words) => (words === '' ? [] : [`snapshot ${made.name}: ${words}`]))
}

function judgeFile(lowers: readonly string[], name: string, programs: Programs, made: Moment): string {
  const checksum = createHash('sha1').update(fs.readFileSync(placeOf(lowers, name)!))
  const words = judgeContent(changesOf(programs.logOf(name)), checksum.digest('hex'), made)
  return words === '' ? '' : `${name}: ${words}`
}

/** Where a file of the root lies; undefined: nowhere. */
function placeOf(lowers: readonly string[], name: string): string | undefined {
  const path = lowers.map((lower) => join(lower, name)).find((each) => fs.existsSync(each))
  return path !== undefined && fs.statSync(path).isFile() ? path : undefined
}

/** Mounted by itself it shows those files. */
async function judgeView(view: string, lowers: string[], options?: string): Promise<string> {
  const { unmount } = await mount(view, { lower: lowers, ...(options === undefined ? {} : { options }) })
  const differing = IO_FILES.filter((name) => {
    const place = fs.readFileSync(placeOf(lowers, name)!)
    return !place.equals(fs.readFileSync(join(view, name)))
  })
  const entries = contentsOf(view).size
  await unmount()
  if (differing.length > 0) return `a mount of it shows other content of ${differing.join(', ')}`
  return entries > IO_FILES.length ? '' : 'a mount of it shows too little'
}

/** Copied, and opened as after a crash. */
function judgeDatabase(lowers: readonly string[], into: string, log: string, { begun }: Moment): string {
  const committed = committedAt(log, begun)
  if (placeOf(lowers, DATABASE) === undefined) return committed === 0 ? '' : 'the database is missing'
  for (const name of fs.readdirSync(into)) fs.rmSync(join(into, name))
  for (const name of [DATABASE, `${DATABASE}-wal`]) {
    const place = placeOf(lowers, name)
    if (place !== undefined) fs.copyFileSync(place, join(into, name))
  }
  try {
    const database = new Database(join(into, DATABASE))
    const value = (query: string): unknown => database.prepare(query).pluck().get()
    const whole = value('PRAGMA integrity_check')
    const tables = value("SELECT count(*) FROM sqlite_master WHERE type = 'table'")
    const sum = tables === 0 ? 50_000 : value('SELECT sum(sum) FROM accounts')
    const last = tables === 0 ? 0 : (value('SELECT coalesce(max(number), 0) FROM moves') as number)
    database.close()
    if (whole !== 'ok') return `the database is damaged: ${whole}`
    if (sum !== 50_000) return 'the database has a part of a transaction'
    return last >= committed ? '' : `the database ends with transaction ${last}, and ${committed} was committed`
  } catch (error) {
    return `the database: ${(error as Error).message}`
  }
}
