/**
 * Where a run takes place: one folder on disk and one tmpfs inside it, and everything that is mounted there. Leaving
 * means that all of it is gone, whichever way the run ends; so it is one object, asked by the end of the run and by
 * signals alike.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { endAll, mustRun } from './processes.js'

/** On what the upper and work directories lie. */
export type Medium = 'disk' | 'tmpfs'

const TMPFS_OPTIONS = 'size=3g,mode=755'

export class Ground {
  readonly folder: string
  #left = false
  #made = 0

  /** Makes the folder below `parent`, which has to be on a disk. */
  constructor(parent: string) {
    mkdirSync(parent, { recursive: true })
    this.folder = mkdtempSync(join(parent, 'run-'))
    mkdirSync(this.#of('tmpfs'))
    mkdirSync(this.#of('disk'))
    const { status, stderr } = spawnSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      TMPFS_OPTIONS,
      'stratafs-bench',
      this.#of('tmpfs'),
    ])
    if (status !== 0) {
      rmSync(this.folder, { recursive: true })
      throw new Error(`no tmpfs can be mounted on ${this.#of('tmpfs')}: ${String(stderr).trim()}`)
    }
    spawnSync('chattr', ['+T', this.#of('disk')])
  }

  #of(medium: Medium): string {
    return join(this.folder, medium)
  }

  /**
   * An empty directory on `medium`, with `name` in its own. On ext4 each lies in a group of blocks of its own, as
   * directories at the top do (that is what `chattr +T` of the one above asks for), so that what is made there finds no
   * group used up by others.
   */
  fresh(medium: Medium, name: string): string {
    const path = join(this.#of(medium), `${name}-${this.#made++}`)
    mkdirSync(path)
    return path
  }

  /**
   * What one side has written must not slow down the next: ext4 without a journal looks through all inodes of a group
   * that were freed within the last minutes before it takes one there (recently_deleted() in fs/ext4/ialloc.c). So on
   * disk only content is freed at once.
   */
  async remove(path: string): Promise<void> {
    if (!path.startsWith(`${this.#of('disk')}/`)) return void (await mustRun(['rm', '-rf', '--one-file-system', path]))
    const aside = join(this.folder, `removed-${this.#made++}`)
    renameSync(path, aside)
    await mustRun(['find', aside, '-xdev', '-type', 'f', '-size', '+0', '-exec', 'truncate', '-s', '0', '{}', '+'])
  }

  /** Ends what runs, unmounts what is mounted, removes what was written. Safe to call twice. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    endAll()
    clear(this.folder)
  }
}

/** Unmounts what is mounted below `folder`, and removes it. */
export function clear(folder: string): void {
  for (const point of mountsBelow(folder).reverse()) spawnSync('umount', ['-l', point])
  spawnSync('rm', ['-rf', '--one-file-system', folder])
}

/** Mountpoints below `folder`, in the order in which they were mounted. */
function mountsBelow(folder: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return points.filter((point) => point.startsWith(`${folder}/`))
}
