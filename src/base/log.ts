/**
 * The daemon's log: pino, one JSON object a line, written synchronously so that the last words before a crash are on
 * disk. On a terminal the same records come out as readable lines. Everything below the daemon gets only the function
 * type `Log`, so that the engine's thread can log through a message port and tests can log into an array.
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { pino } from 'pino'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** One record: what happened in words, and the facts as fields. */
export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void

export interface Logger {
  readonly log: Log
  level(): Level
  setLevel(level: Level): void
  /** Closes the file, where it was opened here: what is said afterwards is lost. */
  close(): void
}

/**
 * A file (latin1 path, appended to; of `limit` bytes at most, then it becomes FILE.1 and a new one is begun), an open
 * descriptor, as JSON or as lines for a reader, or whoever takes a line of JSON.
 */
export type LogTarget =
  | { readonly file: string; readonly limit?: number }
  | { readonly fd: number; readonly readable: boolean }
  | { readonly write: (line: string) => void }

/** Where lines go. */
interface Sink {
  write(line: string): void
  close(): void
}

export function isLevel(word: string): word is Level {
  return (LEVELS as readonly string[]).includes(word)
}

/** A logger writing to `target`. Throws the error of open(2) when the file cannot be opened. */
export function createLogger(target: LogTarget, level: Level): Logger {
  const sink = openSink(target)
  const options = { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }
  let made: ReturnType<typeof pino> | null = null
  // Most of a mount's start to the answer needs none, and making one takes half a millisecond.
  const logger = () => {
    made ??= pino({ ...options, formatters: { level: (label) => ({ level: label }) } }, sink)
    return made
  }
  return {
    log: (at, message, fields) => logger()[at](fields ?? {}, message),
    level: () => logger().level as Level,
    setLevel: (next) => {
      logger().level = next
    },
    close: () => sink.close(),
  }
}

function openSink(target: LogTarget): Sink {
  const close = () => {}
  if ('file' in target) return new LogFile(target.file, target.limit ?? Number.POSITIVE_INFINITY)
  if ('write' in target) return { write: target.write, close }
  const { fd, readable } = target
  return { write: (line) => writeLine(fd, readable ? readableLine(line) : line), close }
}

class LogFile implements Sink {
  readonly #path: Buffer
  #fd: number
  #size: number

  constructor(
    path: string,
    private readonly limit: number,
  ) {
    this.#path = Buffer.from(path, 'latin1')
    this.#fd = openSync(this.#path, 'a', 0o600)
    this.#size = fstatSync(this.#fd).size
  }

  write(line: string): void {
    // Its number may be another file's by now.
    if (this.#fd < 0) return
    if (this.#size > this.limit) this.#beginAnew()
    this.#size += line.length
    writeLine(this.#fd, line)
  }

  /** Where that fails the old file goes on. */
  #beginAnew(): void {
    this.#size = 0
    try {
      renameSync(this.#path, Buffer.concat([this.#path, Buffer.from('.1')]))
      const next = openSync(this.#path, 'a', 0o600)
      closeSync(this.#fd)
      this.#fd = next
    } catch {
      // A log must never stop the mount.
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }
}

/** A log that cannot be written (full disk, closed pipe) must never stop the mount. */
function writeLine(fd: number, line: string): void {
  try {
    writeSync(fd, line)
  } catch {
    // Nowhere left to say so.
  }
}

/** `12:30:01.250 warn  message  key=value …` out of one JSON record. */
export function readableLine(json: string): string {
  const { level, time, pid: _pid, msg, ...fields } = JSON.parse(json) as Record<string, unknown>
  const clock = String(time).slice(11, 23)
  const facts = Object.entries(fields).map(([key, value]) => ` ${key}=${printed(value)}`)
  return `${clock} ${String(level).padEnd(5)} ${msg ?? ''}${facts.join('')}\n`
}

function printed(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)
}
