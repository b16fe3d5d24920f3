/**
 * The ground layers lie on: one temporary directory per process, with root's probe and, where it can be had, an ext4 of
 * its own in memory, so that neither a busy disk nor a temporary folder on overlayfs shows in the results. Whatever
 * happens, nothing stays: at exit and on SIGINT and SIGTERM all mounts below the directory are detached, the processes
 * that name it are ended, and it is removed.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { buildProbe } from './channel.js'
import { Probe } from './probe.js'

const MEMORY = '/dev/shm'
const BYTES = 2 ** 30
const INODES = '250000'

/** Where a ground goes: STRATAFS_TEST_DIR names a folder to use as it is, without a filesystem of its own in it. */
const chosen = process.env.STRATAFS_TEST_DIR

/** Mounts an ext4 in memory below `directory` and returns its root; `directory` itself where that cannot be had. */
function ownFilesystem(directory: string): string {
  if (chosen !== undefined) return directory
  const image = join(MEMORY, `${basename(directory)}.ext4`)
  const area = join(directory, 'ext4')
  try {
    writeFileSync(image, '', { mode: 0o600 })
    truncateSync(image, BYTES)
    mkdirSync(area)
    const made = spawnSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-N', INODES, '-O', '^has_journal', image])
    const mounted = made.status === 0 && spawnSync('mount', ['-o', 'loop', image, area]).status === 0
    return mounted ? area : directory
  } catch {
    return directory
  } finally {
    rmSync(image, { force: true })
  }
}

/** True where an upper layer of kernel overlayfs can lie, or why not. */
export function carriesOverlay(): true | string {
  const folder = chosen ?? tmpdir()
  const kind = spawnSync('stat', ['-f', '-c', '%T', folder], { encoding: 'latin1' }).stdout.trim()
  if (!kind.startsWith('overlay')) return true
  const ground = mkdtempSync(join(folder, 'stratafs-try-'))
  const area = ownFilesystem(ground)
  if (area !== ground) spawnSync('umount', [area])
  rmSync(ground, { recursive: true, force: true })
  return (
    area !== ground || `${folder} lies on overlayfs, which cannot carry an upper layer, and there is no loop device`
  )
}

/** The processes whose command line names `directory`. */
export function processesOf(directory: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(directory)
    } catch {
      return false
    }
  })
}

/** A temporary directory with root's probe in it, cleaned up whatever happens. */
export class Ground {
  readonly directory: string
  /** Where layers lie. */
  readonly area: string
  readonly program: string
  readonly disk: Probe
  #count = 0

  constructor() {
    this.directory = mkdtempSync(join(chosen ?? tmpdir(), 'stratafs-cases-'))
    chmodSync(this.directory, 0o755)
    process.once('exit', this.#clear)
    process.once('SIGINT', this.#interrupted)
    process.once('SIGTERM', this.#interrupted)
    this.program = buildProbe(this.directory)
    this.area = ownFilesystem(this.directory)
    this.disk = new Probe(this.directory, this.program)
  }

  /** A new empty directory for one case. */
  plot(): string {
    this.#count += 1
    const path = join(this.area, String(this.#count))
    this.disk.umask(0)
    this.disk.mkdir(path, 0o755)
    return path
  }

  close(): void {
    process.off('exit', this.#clear)
    process.off('SIGINT', this.#interrupted)
    process.off('SIGTERM', this.#interrupted)
    this.#clear()
  }

  /** Ends at once: the test runner would go on with the remaining cases, on ground that is gone. */
  readonly #interrupted = (): void => {
    this.#clear()
    process.kill(process.pid, 'SIGKILL')
  }

  readonly #clear = (): void => {
    const mounts = readFileSync('/proc/mounts', 'latin1').split('\n')
    const below = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${this.directory}/`))
    for (const path of below.reverse()) spawnSync('umount', ['-l', path])
    for (const pid of processesOf(this.directory)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile.
      }
    }
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
