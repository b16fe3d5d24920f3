/**
 * Everything that is written to a mount's database while it is mounted, by one thread of its own: directories that the
 * engine came by and did not find there, and what the upper has become. Changes are collected and committed a few times
 * a second, so that no request ever waits for a commit. On a clean end the database says so; else the next mount reads
 * the upper again.
 */
import { StratafsError } from '../../base/failure.js'
import { LowerStack } from '../../stack/lower-stack.js'
import { native } from '../../syscalls/native.js'
import { openForWriting, removeDatabase, setAside } from '../build/opening.js'
import { UpperRows } from '../build/upper-rows.js'
import { codeOf } from '../database/database.js'
import {
  clearAhead,
  type FromWriter,
  type IndexFacts,
  openingFacts,
  Slot,
  State,
  type ToWriter,
  type WriterStart,
} from '../database/shared-state.js'
import type { IndexStore } from '../database/store.js'
import { KnownLayers } from '../layer-rows/known-layers.js'
import { BackgroundWalk } from './background-walk.js'
import { ChangeWriter } from './change-writer.js'
import { Commits } from './commits.js'
import { endStore, isLeft, leaveUpper, upperIsRead } from './ending.js'
import { KnownDirectories } from './known-directories.js'
import { verifyStamps } from './stamp-check.js'
import { Visiting } from './visiting.js'

/** What is to be read at the end of the mount is read for so long: the next one can read it as well. */
const LAST_MS = 100
/** After an error of place, a full disk, the walk over the tree is tried again so much later. */
const RETRY_MS = 60_000

export class IndexWriter {
  readonly #stack: LowerStack
  /** The upper's root, or -1. */
  readonly #upperFd: number
  #upper: UpperRows | null = null
  #store: IndexStore | null = null
  #facts: IndexFacts
  #filling: BackgroundWalk | null = null
  readonly #visits: Visiting
  readonly #layers: KnownLayers
  readonly #since = Date.now()
  #retry: NodeJS.Timeout | null = null
  readonly #commits: Commits
  /** Changes of the upper were told and could not be written: its rows are wrong until it is read again. */
  #upperLost = false
  readonly #changes: ChangeWriter
  /** Layers and upper are of no interest. */
  #logOnly: boolean

  private constructor(
    private readonly start: WriterStart,
    stack: LowerStack,
    private readonly say: (message: FromWriter) => void,
  ) {
    this.#stack = stack
    this.#upperFd = start.upperFd
    this.#facts = openingFacts(start.path)
    const { shared } = start
    const store = (): IndexStore | null => this.#store
    this.#commits = new Commits({ shared, store, failed: (error) => this.#failed(error) })
    this.#layers = new KnownLayers(stack, start.wide === null, (message) => this.#log('warn', message))
    const host = { shared, commits: this.#commits, store, grown: () => this.#hasGrown() }
    this.#visits = new Visiting(host, stack, this.#layers)
    this.#changes = new ChangeWriter(host, start.changelog ?? 0)
    this.#logOnly = start.logOnly ?? false
  }

  /** Opens the layers; null when they cannot be, which is said. */
  static begin(start: WriterStart, say: (message: FromWriter) => void): IndexWriter | null {
    const stack = LowerStack.open(start.stack)
    if (stack instanceof StratafsError) {
      Atomics.store(start.shared, Slot.STATE, State.NONE)
      say({ kind: 'log', level: 'warn', message: 'the mount works without an index', fields: { why: stack.message } })
      return null
    }
    const writer = new IndexWriter(start, stack, say)
    writer.#open()
    return writer
  }

  get store(): IndexStore | null {
    return this.#store
  }

  /** Carries one message out; true after the last. */
  take(message: ToWriter): boolean {
    if (message.kind === 'end') {
      this.#end()
      return true
    }
    if (message.kind === 'damaged') this.#damaged(message.code)
    else if (message.kind === 'drop') this.#drop()
    else if (message.kind === 'changes') this.#changes.take(message)
    else if (message.kind === 'log-only') this.#keepLog()
    else this.#commits.write(() => this.#carryOut(message))
    return false
  }

  /** Reads what waits for a lull now, for so many milliseconds. */
  readWaiting(milliseconds: number): void {
    this.#visits.readNow(milliseconds)
  }

  /** Brings what has been written so far to the readers. */
  commit(): void {
    this.#commits.commit()
  }

  #carryOut(message: ToWriter): void {
    if (this.#logOnly) return
    if (message.kind === 'visit') this.#visits.visit(message)
    else if (message.kind === 'touched') this.#touched(message.paths)
    else if (message.kind === 'came') this.#visits.cameBy(message.paths)
    else if (message.kind === 'fill') this.#fillSoon()
  }

  #open(useShared = true): void {
    const { path, shared, mount } = this.start
    const opened = openForWriting(path, this.#stack, mount, useShared)
    if (opened instanceof StratafsError) return this.#without(opened.message)
    for (const message of opened.messages) this.#log('warn', message)
    this.#store = opened.store
    this.#changes.opened(opened.dirty && opened.from === 'kept')
    opened.store.takeStored()
    if (this.#upperFd >= 0) this.#upper = new UpperRows(opened.store, this.#upperFd, this.#stack.marks)
    const complete = opened.store.meta('complete') === 1
    this.#tell({ state: 'ready', complete, from: opened.from, filling: null, coverage: null })
    clearAhead(shared)
    Atomics.add(shared, Slot.EPOCH, 1)
    Atomics.store(shared, Slot.STATE, State.READY)
    Atomics.add(shared, Slot.GENERATION, 1)
    // It opens the database while nobody waits for it.
    if (this.start.wakeFd >= 0) native.signalEvent(this.start.wakeFd)
    if (this.#logOnly) return this.#keepLog()
    this.#commits.write(() => (opened.dirty || isLeft(opened.store) ? this.#scanUpper() : this.#upperIsRead()))
    const { wide } = this.start
    if (wide !== null) this.#commits.write(() => verifyStamps(this.#stack, opened.store, shared, wide))
    if (this.start.fill && (wide !== null || !complete)) this.#commits.write(() => this.#fill())
  }

  /** Nothing about layers is written any more. */
  #keepLog(): void {
    this.#logOnly = true
    this.#filling?.stop()
    this.#visits.clear()
    this.#upper = null
    this.#commits.write(() => this.#commits.changed(leaveUpper(this.#store)))
  }

  #without(why: string): void {
    Atomics.store(this.start.shared, Slot.STATE, State.NONE)
    this.#log('warn', why)
    this.#tell({ state: 'none', downgrade: why })
  }

  #log(level: 'info' | 'warn', message: string): void {
    this.say({ kind: 'log', level, message, fields: {} })
  }

  #tell(facts: Partial<IndexFacts>): void {
    this.#facts = { ...this.#facts, ...facts }
    Atomics.store(this.start.shared, Slot.COMPLETE, this.#facts.complete ? 1 : 0)
    this.say({ kind: 'facts', facts: this.#facts })
  }

  /** An error of SQLite: one of place (a full disk, a lock) leaves the database as it is, any other sets it aside. */
  #failed(error: unknown): void {
    const code = codeOf(error)
    if (!code.startsWith('SQLITE_')) throw error
    if (/^SQLITE_(FULL|BUSY|LOCKED|IOERR|NOMEM)/.test(code)) {
      this.#log('warn', `the index cannot be written now (${code})`)
      this.#visits.clear()
      this.#stopFilling(code)
      this.#upperLost = true
      this.#tell({ upperRead: false })
      if (this.#store?.db.inTransaction) this.#store.db.exec('ROLLBACK')
      this.#store?.takeStored()
      return
    }
    this.#damaged(code)
  }

  /** Stops the background walk, and tells those who wait for it why. */
  #stopFilling(code: string): void {
    if (this.#filling?.isUnderWay !== true) return
    this.#filling.stop()
    this.#tell({ filling: null, downgrade: `it cannot be written now (${code})` })
    if (this.start.fill) this.#retry ??= setTimeout(() => this.#fillAgain(), RETRY_MS)
  }

  #fillAgain(): void {
    this.#retry = null
    this.#commits.write(() => this.#fill())
  }

  /** Sets the database aside, once for each that turns out bad, and begins another. */
  #damaged(code: string): void {
    if (this.#store === null || /^SQLITE_(BUSY|LOCKED)/.test(code)) return
    this.#leave()
    this.#log('warn', setAside(this.start.path, `damaged (${code})`))
    this.#open()
  }

  /** Begins another database, with nothing in it, because somebody asked for it. */
  #drop(): void {
    this.#leave()
    removeDatabase(this.start.path)
    this.#open(false)
  }

  /** Lets go of the database. */
  #leave(): void {
    Atomics.store(this.start.shared, Slot.STATE, State.OPENING)
    this.#filling?.stop()
    this.#visits.clear()
    try {
      this.#store?.close()
    } catch {
      // Its file goes away.
    }
    this.#store = null
    this.#upper = null
    this.#changes.closed()
  }

  #scanUpper(): void {
    this.#store!.begin()
    this.#commits.changed(this.#upper?.scan() ?? 0)
    this.#upperLost = false
    this.#upperIsRead()
  }

  #upperIsRead(): void {
    upperIsRead(this.#store!, this.start.mount)
    this.#tell({ upperRead: true })
  }

  #touched(told: readonly string[]): void {
    this.#store!.begin()
    this.#commits.changed(this.#upper?.followAll(told) ?? 0)
  }

  /** An edited layer has directories that have no rows. */
  #hasGrown(): void {
    this.#store!.setMeta('complete', 0)
    this.#tell({ complete: false })
    if (this.#filling?.isUnderWay) this.#filling.again()
    else if (this.start.fill) this.#fill()
  }

  /** Somebody has asked for it, and waits. */
  #fillSoon(): void {
    if (this.#store!.meta('complete') !== 1) this.#fill()
    this.#filling?.hurry()
  }

  #fill(): void {
    if (this.#filling?.isUnderWay) return
    const tell = (facts: Partial<IndexFacts>): void => this.#tell(facts)
    const host = { shared: this.start.shared, commits: this.#commits, tell }
    const known = new KnownDirectories(this.#stack, this.#store!, this.start.wide === null ? null : this.#since)
    const store = this.#store!
    this.#filling = BackgroundWalk.begin(host, this.#stack, store, this.#layers, (place, parent) =>
      known.at(place, parent),
    )
  }

  /** Lets go of everything and leaves the database marked as in use. */
  abandon(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#leave()
    this.#stack.close()
    if (this.#upperFd >= 0) native.close(this.#upperFd)
  }

  #end(): void {
    this.#filling?.stop()
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.readWaiting(LAST_MS)
    this.#visits.clear()
    // What could not be written may be now; else the database stays marked.
    if (this.#upperLost) this.#commits.write(() => this.#scanUpper())
    this.commit()
    const store = this.#store
    this.#store = null
    this.#layers.close()
    this.#stack.close()
    if (this.#upperFd >= 0) native.close(this.#upperFd)
    const why = store === null ? null : endStore(store, !this.#upperLost)
    if (why !== null) this.#log('warn', `the index was not ended cleanly (${why})`)
  }
}
