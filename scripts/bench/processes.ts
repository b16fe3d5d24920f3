/**
 * Children of the benchmark: each in a process group of its own, so that an interrupt can end exactly what was started,
 * with what it started in turn. Everything that is timed runs in such a child, never in the process that serves a
 * mount.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const running = new Set<ChildProcess>()

/** What a child left: its exit code, what it said on standard error, and what it wrote to descriptor 3. */
interface Outcome {
  readonly code: number
  readonly errors: string
  readonly answer: string
}

/**
 * Runs `argv` to its end; standard output goes nowhere. Rejects only when it cannot be started. What it says goes to
 * files, not to pipes: a daemon that it leaves behind would hold those open.
 */
export function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const errors = nameless()
    const answer = nameless()
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', errors, answer],
      env: { ...process.env, LC_ALL: 'C', ...env },
    })
    running.add(child)
    const finish = (): { errors: string; answer: string } => {
      running.delete(child)
      return { errors: contentOf(errors), answer: contentOf(answer) }
    }
    child.on('error', (error) => {
      finish()
      reject(error)
    })
    child.on('exit', (code) => resolve({ code: code ?? 128, ...finish() }))
  })
}

/** A file without a name, to be written by a child and read once. */
function nameless(): number {
  const path = join(tmpdir(), `stratafs-bench-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const fd = openSync(path, 'wx+')
  unlinkSync(path)
  return fd
}

function contentOf(fd: number): string {
  const { size } = fstatSync(fd)
  const content = Buffer.alloc(size)
  readSync(fd, content, 0, size, 0)
  closeSync(fd)
  return content.toString('utf8')
}

/** As `run`, but a failure is an error that names the command and what it said. */
export async function mustRun(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const outcome = await run(argv, env)
  if (outcome.code === 0) return outcome
  const words = outcome.errors.trim().split('\n').slice(-4).join('; ')
  throw new Error(`${argv.join(' ').slice(0, 300)} failed (${outcome.code}): ${words}`)
}

/** Starts `argv` and leaves it running until `endAll` or its own end. */
export function start(argv: readonly string[]): ChildProcess {
  const child = spawn(argv[0]!, argv.slice(1), { cwd: '/', detached: true, stdio: 'ignore' })
  running.add(child)
  child.on('exit', () => running.delete(child))
  child.on('error', () => running.delete(child))
  return child
}

/** Ends every child that still runs, and what it started in its group. */
export function endAll(): void {
  for (const child of running) if (child.pid !== undefined) endGroup(child.pid)
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export function inPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)))
}
