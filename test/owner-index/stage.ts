/**
 * Layers made from a short description, an engine over them without any mount, and its index with the writer running in
 * the same thread: every message of the engine is carried out when the test says so. So a test decides what the index
 * knows at which moment, and hundreds of stacks can be compared in a second.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { StratafsError } from '../../src/base/failure.js'
import { createEngine, type Engine } from '../../src/operations/engine.js'
import { type FromWriter, newSharedState, type ToWriter, turnsOf } from '../../src/owner-index/database/shared-state.js'
import { LowerIndex } from '../../src/owner-index/engine/lower-index.js'
import { IndexWriter } from '../../src/owner-index/writer/writer.js'
import { O_DIRECTORY, O_PATH, S_IFCHR } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { unbound } from '../engine/session.js'

/** One thing that is put into a layer; `path` relative to its root. */
export type Planting =
  | { readonly what: 'file'; readonly path: string; readonly content: string }
  | { readonly what: 'directory'; readonly path: string }
  | { readonly what: 'symlink'; readonly path: string; readonly content: string }
  | { readonly what: 'whiteout'; readonly path: string }
  | { readonly what: 'aufs-whiteout'; readonly path: string }
  | { readonly what: 'xattr-whiteout'; readonly path: string }
  | { readonly what: 'opaque'; readonly path: string }
  | { readonly what: 'aufs-opaque'; readonly path: string }
  | { readonly what: 'redirect'; readonly path: string; readonly content: string }
  | { readonly what: 'metacopy'; readonly path: string }
  | { readonly what: 'remove'; readonly path: string }

export class Stage {
  /** As the mount option: whether owners kept in attributes count. */
  xattrPermissions: 0 | 1 | 2 = 0
  readonly directory = mkdtempSync(join(tmpdir(), 'stratafs-index-'))
  readonly lowers: string[] = []
  readonly prefix = native.hasCapability(21) === 1 ? 'trusted.overlay.' : 'user.overlay.'

  constructor(layers: readonly (readonly Planting[])[]) {
    // What is kept for other stacks goes with the stage.
    process.env.STRATAFS_STACKS = this.path('stacks')
    for (const [at, plantings] of layers.entries()) {
      const root = join(this.directory, `lower${at}`)
      mkdirSync(root)
      this.lowers.push(root)
      for (const planting of plantings) this.plant(root, planting)
    }
    for (const name of ['upper', 'work', 'merged']) mkdirSync(join(this.directory, name))
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Puts one thing into a layer; what cannot be there (a file in a file) is left out. */
  plant(root: string, planting: Planting): void {
    const at = join(root, planting.path)
    try {
      if (planting.what !== 'remove') mkdirSync(dirname(at), { recursive: true })
      this.#make(at, planting)
    } catch {
      // Something of another kind stands in the way.
    }
  }

  #make(at: string, planting: Planting): void {
    const directory = (): void => void mkdirSync(at, { recursive: true })
    const mark = (path: string, name: string, value: string): void => {
      native.setxattr(-100, path, this.prefix + name, Buffer.from(value), 0)
    }
    const empty = (path: string): void => writeFileSync(path, '', { flag: 'wx' })
    switch (planting.what) {
      case 'file':
        return writeFileSync(at, planting.content)
      case 'directory':
        return directory()
      case 'symlink':
        return symlinkSync(planting.content, at)
      case 'whiteout':
        return void native.mknodat(-100, at, S_IFCHR, 0, 0)
      case 'aufs-whiteout':
        return empty(join(dirname(at), `.wh.${planting.path.split('/').pop()}`))
      case 'xattr-whiteout':
        empty(at)
        mark(at, 'whiteout', 'y')
        return mark(dirname(at), 'opaque', 'x')
      case 'opaque':
        directory()
        return mark(at, 'opaque', 'y')
      case 'aufs-opaque':
        directory()
        return empty(join(at, '.wh..wh..opq'))
      case 'redirect':
        directory()
        return mark(at, 'redirect', planting.content)
      case 'metacopy':
        writeFileSync(at, '')
        return mark(at, 'metacopy', '')
      case 'remove':
        return rmSync(at, { recursive: true, force: true })
    }
  }

  /** `side`: which of several uppers over the same layers. */
  config(writable: boolean, side = ''): UnionConfig {
    return {
      lowers: this.lowers,
      upper: writable ? this.path(`upper${side}`) : null,
      work: writable ? this.path(`work${side}`) : null,
      readonly: !writable,
      userxattr: null,
      redirectDir: 'on',
      metacopy: true,
      xino: 'auto',
      volatile: false,
      fsync: false,
      strictSync: false,
      noatime: true,
      uidMapping: [],
      gidMapping: [],
      squashToRoot: false,
      squashToUid: null,
      squashToGid: null,
      xattrPermissions: this.xattrPermissions,
      staticNlink: false,
      acl: true,
      index: 'on',
      indexFill: 'visited',
      data: 'auto',
      writeback: true,
    }
  }

  remove(): void {
    execFileSync('rm', ['-rf', '--one-file-system', this.directory])
  }
}

/** A test over layers of these files, each with its path for content, top first; `index`: where their database goes. */
export function overFiles(
  layers: readonly (readonly string[])[],
  act: (stage: Stage, index: string) => void,
): () => void {
  return () => {
    const stage = new Stage(
      layers.map((paths) => paths.map((path) => ({ what: 'file' as const, path, content: path }))),
    )
    try {
      act(stage, stage.path('index.db'))
    } finally {
      stage.remove()
    }
  }
}

/** An engine, with an index where `index` names a database. */
export class Run {
  readonly engine: Engine
  readonly index: LowerIndex | null = null
  readonly said: FromWriter[] = []
  /** Layers found edited. */
  readonly edited: number[] = []
  readonly shared = newSharedState()
  readonly #writer: IndexWriter | null = null
  readonly #messages: ToWriter[] = []

  constructor(
    stage: Stage,
    options: {
      index?: string
      immutable?: boolean
      writable?: boolean
      since?: number
      side?: string
      wide?: number
      fill?: boolean
    } = {},
  ) {
    const writable = options.writable ?? true
    const engine = createEngine(stage.config(writable, options.side), unbound, () => {})
    if (engine instanceof StratafsError) throw new Error(engine.message)
    this.engine = engine
    if (options.index === undefined) return
    const shared = this.shared
    const again = (fd: number): number => (fd < 0 ? -1 : native.openat(fd, '.', O_PATH | O_DIRECTORY, 0))
    this.#writer = IndexWriter.begin(
      {
        stack: { ...engine.stack, rootFds: engine.stack.rootFds!.map(again) },
        upperFd: again(engine.upperFd),
        path: options.index,
        shared,
        mount: 'm',
        fill: options.fill ?? false,
        wide: options.immutable ? null : (options.wide ?? 2),
        wakeFd: -1,
      },
      (message) => this.said.push(message),
    )
    this.index = new LowerIndex({
      path: options.index,
      identity: null,
      immutable: options.immutable ?? false,
      shared,
      // The tests' layers are always as young as the rows about them: believe those all the same.
      since: options.since ?? 0,
      post: (message) => this.#messages.push(message),
      edited: (layer) => this.edited.push(layer),
    })
    engine.useIndex(this.index)
  }

  /** Lets the writer do all that it was told, and commit. */
  write(): void {
    this.engine.tendIndex()
    for (const message of this.#messages.splice(0)) this.#writer!.take(message)
    this.read()
    this.#writer?.commit()
  }

  /** Lets the writer read what it was told of, without waiting for a lull; it is not committed. */
  read(): void {
    this.#writer?.readWaiting(Number.POSITIVE_INFINITY)
  }

  /** A request is served, as far as the writer can see. */
  ask(): void {
    turnsOf(this.shared)[0]! += 2
  }

  /** The writer itself, to be told of more than the engine tells it. */
  get writer(): IndexWriter | null {
    return this.#writer
  }

  get downgrade(): string | null {
    const facts = this.said.filter((message) => message.kind === 'facts').pop()
    return facts?.facts.downgrade ?? null
  }

  get log(): string[] {
    return this.said.flatMap((message) => (message.kind === 'log' ? [message.message] : []))
  }

  close(): void {
    this.engine.close()
    this.write()
  }

  /** As a mount ends: the writer hears the last messages and no more. */
  end(): void {
    this.engine.close()
    for (const message of this.#messages.splice(0)) this.#writer!.take(message)
  }

  /** Leaves the database as a killed process does: what was committed is there, nothing says that it was the end. */
  crash(): void {
    this.write()
    this.#writer?.store?.close()
    this.index?.abandon()
    this.engine.close()
  }
}

/**
 * Every path with what the engine says of it, by lookup of each name that readdir tells, and of names that are not
 * there.
 */
export function picture(run: Run, absent: readonly string[] = []): string[] {
  const lines: string[] = []
  walk(run.engine, 1, '', absent, lines)
  return lines.sort()
}

function walk(engine: Engine, nodeid: number, path: string, absent: readonly string[], lines: string[]): void {
  const names: string[] = []
  const add = (name: string): boolean => {
    if (name !== '.' && name !== '..') names.push(name)
    return true
  }
  engine.operations.readdir(nodeid, 0, false, { add })
  for (const name of absent) if (!names.includes(name)) names.push(name)
  for (const name of names) {
    const child = engine.operations.lookup(nodeid, name)
    if (child <= 0) {
      lines.push(`${path}/${name} ${child}`)
      continue
    }
    const { lasting, ...attr } = engine.operations.attr
    const { mode, size, ino, nlink } = attr
    // Where layers cannot be cloned, noatime, reading them changes it.
    if (native.hasCapability(21) !== 1) attr.atime = attr.atimeNs = 0
    const owner = engine.which(`${path}/${name}`)
    const where =
      typeof owner === 'number' || owner.layer === null
        ? 'none'
        : `${owner.realpath} ${owner.also.map((o) => [o.index, o.why])}`
    const isDirectory = (mode & 0o170000) === 0o040000
    lines.push(
      `${path}/${name} ${mode.toString(8)} ${isDirectory ? '' : `${size} ${nlink}`} ${ino} ${where} ${lasting} ${Object.values(attr)}`,
    )
    if (isDirectory) walk(engine, child, `${path}/${name}`, absent, lines)
    engine.operations.forget(child, 1)
  }
}
