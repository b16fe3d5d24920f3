/**
 * A snapshotter in a process of its own, with a root, a socket and a run directory of its own, and a client of it as
 * containerd is one. Everything is taken away at the end: process, mounts, host, files.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { InfoMessage, MountMessage } from '../../src/snapshotter/wire/messages.js'
import { serviceOf } from '../../src/snapshotter/wire/protos.js'
import { daemonPids, eventually, isGone, LAUNCH, MAIN } from '../daemon/harness.js'

type Methods = Client & Record<string, (...words: unknown[]) => unknown>

export class Snapshots {
  #child: ChildProcess | null = null
  #client: Methods | null = null
  readonly #clients: Client[] = []
  /** What it logged, over all its lives. */
  log = ''

  /** `off`, because the figures of tests are small. */
  warmUp = 'off'

  constructor(
    readonly place: string,
    readonly options: readonly string[],
  ) {}

  get socket(): string {
    return join(this.place, 's.sock')
  }

  get root(): string {
    return join(this.place, 'root')
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  get env(): NodeJS.ProcessEnv {
    const run = join(this.place, 'run')
    return { ...process.env, STRATAFS_RUN_DIR: run, STRATAFS_HOST_IDLE: '0', STRATAFS_WARM_UP: this.warmUp }
  }

  /** Starts it, and waits until it listens. */
  async start(): Promise<void> {
    const words = ['snapshotter', '--root', this.root, '--address', this.socket, ...this.options]
    const child = spawn(process.execPath, [MAIN, ...words], { env: this.env, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
      this.log += String(chunk)
    })
    const up = () => said.includes('serves containerd') || child.exitCode !== null
    if (!(await eventually(up, 20_000)) || child.exitCode !== null) throw new Error(`it did not start: ${said}`)
  }

  /** Ends it with `signal`, and waits. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child!
    for (const client of this.#clients.splice(0)) client.close()
    this.#client = null
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill(signal)
      await gone
    }
    return child.exitCode
  }

  client(service: string): Methods {
    const made = new (serviceOf(service))(`unix:${this.socket}`, credentials.createInsecure())
    this.#clients.push(made)
    return made as unknown as Methods
  }

  /** One call of the snapshots service. Rejects with gRPC's error. */
  call<T = Record<string, unknown>>(method: string, request: object): Promise<T> {
    this.#client ??= this.client('containerd.services.snapshots.v1.Snapshots')
    return ask(this.#client, method, request)
  }

  async mountsOf(method: 'Prepare' | 'View' | 'Mounts', key: string, parent = '', labels = {}): Promise<MountMessage> {
    const { mounts } = await this.call<{ mounts: MountMessage[] }>(method, { key, parent, labels })
    return mounts[0]!
  }

  /** Every snapshot that `filters` let through, by name. */
  async list(...filters: string[]): Promise<Map<string, InfoMessage>> {
    this.#client ??= this.client('containerd.services.snapshots.v1.Snapshots')
    const found = new Map<string, InfoMessage>()
    const stream = this.#client.List!({ filters }) as AsyncIterable<{ info: InfoMessage[] }>
    for await (const { info } of stream) for (const each of info) found.set(each.name, each)
    return found
  }

  /** The line of the mount table about `path`. */
  mountLine(path: string): string {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return lines.find((line) => line.split(' ')[4] === path) ?? ''
  }

  /** Mountpoints below the root. */
  mounted(): string[] {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(`${this.place}/`))
  }

  async clear(): Promise<void> {
    await this.end('SIGKILL')
    const pids = daemonPids(join(this.place, 'run'))
    for (const path of this.mounted().reverse()) spawnSync('umount', ['-l', path])
    await eventually(() => pids.every(isGone), 10_000)
    for (const pid of pids.filter((each) => !isGone(each))) process.kill(pid, 'SIGKILL')
    rmSync(this.place, { recursive: true, force: true })
  }
}

/** One question, one answer. */
export function ask<T>(client: Methods, method: string, request: object, namespace = 'test'): Promise<T> {
  const metadata = new Metadata()
  metadata.set('containerd-namespace', namespace)
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer: T) => (error === null ? resolve(answer) : reject(error))
    client[method]!(request, metadata, done)
  })
}

/** A running snapshotter with an empty root, and options that `optionsOf` names by its place. */
export async function snapshots(t: TestContext, optionsOf = (_place: string): string[] => []): Promise<Snapshots> {
  const place = mkdtempSync(join(tmpdir(), 'stratafs-snapshots-'))
  const made = new Snapshots(place, optionsOf(place))
  t.after(() => made.clear())
  await made.start()
  return made
}

/** Why there can be none here. */
export const needsMounts = {
  skip:
    process.getuid?.() !== 0 || !existsSync('/dev/fuse')
      ? 'needs root and /dev/fuse'
      : existsSync(LAUNCH)
        ? false
        : 'the launcher is not built',
}
