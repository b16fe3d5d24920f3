/** The programs that write while snapshots are made (load.ts), and what their logs say must be in a snapshot. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutRoot } from '../../../scripts/checkout.js'

/** When a snapshot was asked for, and when it was there, in seconds. */
export interface Moment {
  readonly begun: number
  readonly ended: number
}

/** Files of random_io.py, from the mount's root: one is a lower file at first. */
export const IO_FILES = ['io', 'fresh']
export const DATABASE = 'db'
const ACTORS = 2

export class Programs {
  readonly #stop: string
  readonly #running: { readonly child: ChildProcess; readonly words: string[] }[] = []

  constructor(
    private readonly at: string,
    merged: string,
    seed: number,
  ) {
    this.#stop = join(at, 'stop')
    for (const name of IO_FILES) this.#start('random_io.py', join(merged, name), this.logOf(name), seed)
    this.#start('transactions.py', join(merged, DATABASE), this.logOf(DATABASE), seed)
    for (let each = 0; each < ACTORS; each++) this.#start('acts.py', join(merged, 'acts'), '', seed * 10 + each)
  }

  logOf(name: string): string {
    return join(this.at, `${name}.log`)
  }

  #start(script: string, ...args: (string | number)[]): void {
    const [path = '', log = '', seed = 1] = args
    const file = join(checkoutRoot(), 'test/snapshots/load', script)
    const child = spawn('python3', [file, String(path), String(log), this.#stop, String(seed)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const words: string[] = []
    child.stderr!.on('data', (text) => words.push(String(text)))
    this.#running.push({ child, words })
  }

  /** What went wrong in those that have ended by themselves. */
  faults(): string[] {
    return this.#running.flatMap(({ child, words }) => (child.exitCode ? [words.join('')] : []))
  }

  /** Has all of them end; what went wrong. */
  async end(): Promise<string[]> {
    writeFileSync(this.#stop, '')
    for (const { child } of this.#running)
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once('exit', resolve))
    return this.faults()
  }
}

/** What random_io.py noted, in the order it was done. */
interface Change extends Moment {
  readonly checksum: string
}

export function changesOf(log: string): Change[] {
  return linesOf(log).map(([begun, ended, checksum]) => ({
    begun: Number(begun),
    ended: Number(ended),
    checksum: checksum!,
  }))
}

/** '' where a file with this checksum may be in a snapshot of that moment, or why not. */
export function judgeContent(changes: readonly Change[], checksum: string, moment: Moment): string {
  const at = changes.flatMap((change, index) => (change.checksum === checksum ? [index] : []))
  if (at.length === 0) return 'it holds what was never written'
  const first = changes.findLastIndex(({ ended }) => ended < moment.begun)
  // The first is what was there when the program began.
  const last = Math.max(
    0,
    changes.findLastIndex(({ begun }) => begun <= moment.ended),
  )
  if (at.some((index) => index >= first && index <= last)) return ''
  return `it is change ${at.join(', ')}, and should be one of ${first} to ${last}`
}

/** The number of the last transaction that had been committed at `time`. */
export function committedAt(log: string, time: number): number {
  const lines = linesOf(log).filter(([, when]) => Number(when) < time)
  return Number(lines.at(-1)?.[0] ?? 0)
}

function linesOf(log: string): string[][] {
  if (!existsSync(log)) return []
  const lines = readFileSync(log, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => line.split(' '))
}
