/**
 * The line to a syscall probe: builds the program, starts it, and carries requests and answers. Both go through FIFOs
 * that Node writes and reads blocking, so that a case is a plain list of acts. The probe, not this process, touches the
 * mount; a call that hangs there is ended by the probe's watchdog and fails with ETIMEDOUT.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A system call that failed; `code` is its name, as ENOENT. */
export class CallFailed extends Error {
  readonly code: string
  constructor(call: string, code: string) {
    super(`${call}: ${code}`)
    this.code = code
  }
}

const NAMES = new Map<number, string>([...Object.entries(constants.errno)].map(([name, value]) => [value, name]))
NAMES.set(95, 'EOPNOTSUPP')
NAMES.set(11, 'EAGAIN')

function encode(value: string | number | bigint): string {
  return String(value).replace(
    /[^\x21-\x24\x26-\x7e]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

function decode(token: string): string {
  return token.replace(/%([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Builds the probe into `directory`; the path of the program. Throws with the compiler's words when it cannot. */
export function buildProbe(directory: string): string {
  const sources = fileURLToPath(new URL('../../../test/conformance/probe/', import.meta.url))
  const program = join(directory, 'syscall-probe')
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'))
  const built = spawnSync('cc', ['-O1', '-o', program, ...files.map((name) => join(sources, name)), '-lpthread'])
  if (built.status !== 0) throw new Error(`cc cannot build the syscall probe: ${built.stderr ?? built.error}`)
  return program
}

/** One running probe, as a function from requests to answers. */
export class Channel {
  readonly process: ChildProcess
  readonly #requests: number
  readonly #answers: number
  readonly #buffer = Buffer.alloc(1 << 20)
  #pending = ''

  /** `wrap` makes the command line: the words that start `program` (as another user, in another namespace). */
  constructor(directory: string, program: string, wrap: (program: string) => string = (path) => `exec ${path}`) {
    const pipes = mkdtempSync(join(directory, 'pipes-'))
    const [requests, answers] = [join(pipes, 'requests'), join(pipes, 'answers')]
    spawnSync('mkfifo', [requests, answers])
    const script = `exec <'${requests}' >'${answers}'; ${wrap(program)}`
    this.process = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'inherit'] })
    this.process.unref()
    this.#requests = openSync(requests, 'w')
    this.#answers = openSync(answers, 'r')
  }

  /** Ends the probe by closing its input. */
  close(): void {
    closeSync(this.#requests)
    closeSync(this.#answers)
  }

  #line(call: string): string {
    for (;;) {
      const end = this.#pending.indexOf('\n')
      if (end >= 0) {
        const line = this.#pending.slice(0, end)
        this.#pending = this.#pending.slice(end + 1)
        return line
      }
      const got = readSync(this.#answers, this.#buffer)
      if (got === 0) throw new Error(`the syscall probe ended during ${call}`)
      this.#pending += this.#buffer.toString('latin1', 0, got)
    }
  }

  /** One request; the answer's tokens. Throws CallFailed when the system call failed. */
  call(command: string, ...parameters: (string | number | bigint)[]): string[] {
    const line = [command, ...parameters.map(encode)].join(' ')
    writeSync(this.#requests, `${line}\n`, null, 'latin1')
    const [status, ...tokens] = this.#line(line).split(' ')
    if (status === 'ok') return tokens.map(decode)
    const errno = Number(tokens[0])
    throw new CallFailed(line.slice(0, 120), NAMES.get(errno) ?? `errno ${errno}`)
  }
}
