/** Where the snapshots of bench-snapshot.ts are made: this machine's disk, and images of file systems that clone. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FILES_PER_DIRECTORY = 100
/** Sparse: it takes up what is written. */
const IMAGE_SIZE = '8G'

export interface Contender {
  readonly name: string
  /** Why it cannot be had; null: it can. */
  readonly missing: string | null
  /** Makes a tree of `count` files; returns where it is to be changed. */
  prepare(ground: Ground, count: number): Promise<Tree>
}

/** One tree. */
interface Tree {
  /** Where programs see it. */
  readonly at: string
  keep(): Promise<void>
  restore(): Promise<void>
  /** Makes a second tree of it, to be changed by itself; left out: there is no such thing. */
  branch?(): Promise<void>
  end(): Promise<void>
}

/** Throws with what the program said where it fails. */
export function run(program: string, ...args: string[]): string {
  const ended: SpawnSyncReturns<string> = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  if (ended.status === 0) return ended.stdout
  throw new Error(`${program} ${args.join(' ')}: ${ended.error?.message ?? ended.stderr.trim()}`)
}

export function has(program: string): boolean {
  return spawnSync('which', [program]).status === 0
}

/** A temporary directory, and file systems mounted in it. */
export class Ground {
  readonly at = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'stratafs-bench-'))
  readonly #mounted: string[] = []

  /** A directory on a new file system of this type. */
  image(type: 'btrfs' | 'xfs'): string {
    const [file, path] = [join(this.at, `${type}.image`), join(this.at, type)]
    mkdirSync(path)
    run('truncate', '-s', IMAGE_SIZE, file)
    run(`mkfs.${type}`, '-q', file)
    run('mount', '-o', 'loop', file, path)
    this.#mounted.push(path)
    return path
  }

  remove(): void {
    for (const path of this.#mounted) spawnSync('umount', ['-l', path])
    rmSync(this.at, { recursive: true, force: true })
  }
}

/** Makes `count` small files below `path`. */
export function fill(path: string, count: number): void {
  mkdirSync(path, { recursive: true })
  for (let at = 0; at < count; at++) {
    const dir = join(path, `d${Math.floor(at / FILES_PER_DIRECTORY)}`)
    if (at % FILES_PER_DIRECTORY === 0) mkdirSync(dir)
    writeFileSync(join(dir, `f${at}`), `file ${at}\n`)
  }
}
