/**
 * The benchmark in a process of its own, and this one, which waits for it: however that ends, by a signal too, its
 * mounts and what lies below its folder go. It could not do so itself, for it waits for other programs most of the
 * time, and sees no signal meanwhile.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { clear } from '../bench/ground.js'

/** Names the folder to the process that is waited for. */
const FOLDER = 'STRATAFS_BENCH_FOLDER'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The folder that was made for this process, where it is the one that is waited for. */
export function givenFolder(): string | undefined {
  return process.env[FOLDER]
}

/** Runs this program once more, with a new folder below `parent`; the exit code. */
export async function superviseIn(parent: string): Promise<number> {
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'stratafs-bench-'))
  // A group of its own: whatever it has started can be ended with it.
  const child = spawn(process.execPath, process.argv.slice(1), {
    env: { ...process.env, [FOLDER]: folder },
    stdio: 'inherit',
    detached: true,
  })
  for (const signal of SIGNALS) process.on(signal, () => end(child))
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1))
    child.on('exit', (status, signal) => resolve(status ?? (signal === null ? 1 : 130)))
  })
  clear(folder)
  return code
}

function end(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
