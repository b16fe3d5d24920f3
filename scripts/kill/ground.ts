/** A mount to be killed under: layers, material, and who serves it at the moment. */
import {
  type ChildProcess,
  execFileSync,
  type SpawnSyncReturns,
  type StdioOptions,
  spawn,
  spawnSync,
} from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkoutRoot } from '../checkout.js'
import type { WorkPlaces } from './places.js'
import { AS_ROOT, type Surroundings } from './surroundings.js'
import type { KillWorkload } from './workloads.js'

const FILES = 300
const COMMAND_MS = 60_000

/** A tree of small files in directories. */
function makeTree(root: string): void {
  for (let i = 0; i < FILES; i++) {
    const dir = join(root, `dir${i % 17}`, i % 3 === 0 ? 'inner' : '.')
    fs.mkdirSync(dir, { recursive: true })
    fs.writeFileSync(join(dir, `file${i}`), `${i} `.repeat(1 + ((i * 37) % 3000)))
  }
  fs.linkSync(join(root, 'dir1', 'file1'), join(root, 'dir2', 'linked'))
  fs.symlinkSync('file1', join(root, 'dir1', 'symbolic'))
}

export class KillGround implements WorkPlaces {
  readonly root = fs.mkdtempSync(join(tmpdir(), 'stratafs-kill-'))
  readonly merged = join(this.root, 'merged')
  readonly lower = join(this.root, 'lower')
  readonly kernel = join(this.root, 'kernel')
  readonly model = join(this.root, 'model')
  readonly stop = join(this.root, 'stop')
  readonly material = join(this.root, 'material')
  readonly #run = join(this.root, 'run')

  /** `workload`: what the lower layer is to have besides. */
  constructor(
    private readonly options: string,
    workload: Pick<KillWorkload, 'fill'> = {},
    readonly around: Surroundings = AS_ROOT,
  ) {
    for (const name of ['merged', 'upper', 'work', 'lower', 'material']) fs.mkdirSync(join(this.root, name))
    const tree = join(this.material, 'tree')
    makeTree(tree)
    execFileSync('tar', ['cf', join(this.material, 'tree.tar'), '-C', this.material, 'tree'])
    this.#makeRepository()
    const { lower } = this
    execFileSync('cp', ['-a', tree, join(lower, 'big')])
    const sum = execFileSync('sh', ['-c', 'cd "$1" && find big -type f | sort | xargs cat | cksum', 'sh', lower])
    fs.writeFileSync(join(this.material, 'sum'), sum)
    fs.mkdirSync(join(lower, 'low', 'sub'), { recursive: true })
    for (let i = 0; i < 9; i++)
      fs.writeFileSync(join(lower, i % 2 ? 'low' : 'low/sub', `n${i}`), `lower ${i}\n`.repeat(i * 50))
    for (let i = 0; i < 4; i++) fs.writeFileSync(join(lower, `n${i}`), `${i}`.repeat(i * 30_000))
    execFileSync('cp', ['-a', lower, this.model])
    workload.fill?.(this)
  }

  #makeRepository(): void {
    if (spawnSync('git', ['--version']).status !== 0) return
    const git = (...words: string[]) => execFileSync('git', ['-C', join(this.material, 'repo'), ...words])
    execFileSync('git', ['init', '-q', join(this.material, 'repo')])
    execFileSync('cp', ['-a', join(this.material, 'tree'), join(this.material, 'repo', 'tree')])
    git('add', '-A')
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'begin')
  }

  get environment(): NodeJS.ProcessEnv {
    const own = { STRATAFS_RUN_DIR: this.#run, STRATAFS_HOST_IDLE: '0', STRATAFS_DEATHS: '0' }
    return { ...process.env, ...own, ...(this.around.movesAll ? {} : { KILL_EXDEV: '1' }) }
  }

  /** The same, beside whatever goes on here. */
  command(...words: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
    const program = join(checkoutRoot(), 'native-bindings/build/Release/launch')
    const child = this.start([program, ...words], ['ignore', 'pipe', 'pipe'])
    let said = ''
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (said += String(chunk)))
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })))
  }

  mount(): void {
    this.around.give(this.root)
    const at = (name: string) => join(this.root, name)
    const words = `${this.options},lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`
    const { status, stderr } = this.launch('mount', '-o', words, this.merged)
    if (status !== 0) throw new Error(`cannot mount: ${stderr}`)
  }

  /** Runs a command of ours. */
  launch(...words: string[]): SpawnSyncReturns<string> {
    const program = join(checkoutRoot(), 'native-bindings/build/Release/launch')
    const [command, ...rest] = this.around.wrap([program, ...words]) as [string, ...string[]]
    return spawnSync(command, rest, { env: this.environment, encoding: 'utf8', timeout: COMMAND_MS })
  }

  /** Mounts the same by fuse-overlayfs: its pid, or null where that is not installed. */
  mountPeer(): number | null {
    const at = (name: string) => join(this.root, name)
    const words = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`
    if (spawnSync('fuse-overlayfs', ['-o', words, this.merged]).status !== 0) return null
    const isIt = (pid: string): boolean => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`${this.merged}\0`)
      } catch {
        return false
      }
    }
    return Number(fs.readdirSync('/proc').find((name) => /^\d+$/.test(name) && isIt(name)) ?? 0) || null
  }

  /** Runs a program where the mount is seen. */
  start(argv: readonly string[], stdio: StdioOptions): ChildProcess {
    const [command, ...rest] = this.around.wrap(argv) as [string, ...string[]]
    return spawn(command, rest, { stdio, env: this.environment })
  }

  unmount(): SpawnSyncReturns<string> {
    const [command, ...rest] = this.around.wrap([...this.around.unmount, this.merged]) as [string, ...string[]]
    return spawnSync(command, rest, { encoding: 'utf8' })
  }

  /** Who serves it; 0: nobody says so at the moment. */
  get server(): number {
    const files = fs.existsSync(this.#run) ? fs.readdirSync(this.#run).filter((file) => file.endsWith('.json')) : []
    for (const file of files) {
      try {
        const { pid } = JSON.parse(fs.readFileSync(join(this.#run, file), 'utf8')) as { pid: number }
        if (/\) [^ZX]/.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))) return pid
      } catch {
        // It is gone, or not whole yet.
      }
    }
    return 0
  }

  /** A process that is about to serve on, or may be asked to, and does not say so yet; 0: there is none. */
  follower(server: number): number {
    const isIt = (words: string) => words.includes('--resume') && !words.includes('--keep')
    return this.processes(isIt).find((pid) => pid !== server) ?? 0
  }

  keepers(): number[] {
    return this.processes((words) => words.includes('--keep'))
  }

  /** Processes that serve the mount, keep it or may follow. */
  processes(
    isIt = (words: string) => words.includes('--resume') || /launched-main|background-main|stratafs-guard/.test(words),
  ) {
    const own = (pid: string): boolean => {
      try {
        if (!isIt(fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1'))) return false
        return fs.readFileSync(`/proc/${pid}/environ`, 'latin1').includes(this.root)
      } catch {
        return false
      }
    }
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && own(name))
      .map(Number)
  }

  /** The sum of all that is in the lower layer. */
  lowerSum(): string {
    const all =
      'cd "$1" && find . -printf "%p %m %s %T@\\n" | sort | cksum && find . -type f | sort | xargs cat | cksum'
    return execFileSync('sh', ['-c', all, 'sh', join(this.root, 'lower')], { encoding: 'utf8' })
  }

  remove(): void {
    const [command, ...rest] = this.around.wrap([...this.around.lazily, this.merged]) as [string, ...string[]]
    spawnSync(command, rest)
    spawnSync('umount', ['-l', this.kernel])
    fs.rmSync(this.root, { recursive: true, force: true })
  }
}
