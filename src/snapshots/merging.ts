/**
 * The journal of a branch's merge: `branches/merging.json` is there from before its first change until the last one is
 * on disk. Whoever finds it makes the merge again: each name that is done already is left as it is. Who merges holds a
 * lock meanwhile, so a journal without one belongs to somebody who died.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { errnoWords, errorWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, O_CREAT, O_RDWR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { branchStore } from './branches.js'
import { damaged, writeDocument } from './document.js'

/** A merge that has begun. */
export interface Merging {
  readonly version: 1
  readonly branch: string
  /** Whose word counts where both have changed something; null: nothing was changed by both. */
  readonly side: 'ours' | 'theirs' | null
  /** The snapshot that leads back. */
  readonly before: string
}

/** The merge that has begun and not ended; null: there is none. Throws StratafsError where that cannot be told. */
export function readMerging(work: string): Merging | null {
  const path = `${branchStore(work)}/merging.json`
  try {
    const merging = JSON.parse(readFileSync(pathBytes(path), 'utf8')) as Partial<Merging>
    if (merging.version === 1 && typeof merging.branch === 'string' && typeof merging.before === 'string')
      return merging as Merging
    throw new SyntaxError()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw damaged(path, error instanceof SyntaxError ? 'it is no journal of a merge' : errorWords(error))
  }
}

/** On disk before anything is changed. */
export function noteMerging(work: string, merging: Merging): void {
  writeDocument(branchStore(work), 'merging.json', merging)
}

/** The merge has ended, or the tree is another one. */
export function forgetMerging(work: string): void {
  rmSync(pathBytes(`${branchStore(work)}/merging.json`), { force: true })
}

/** Runs `act` while nobody else merges into this mount. Throws StratafsError, IN_USE where somebody does. */
export async function whileMerging<T>(work: string, act: () => Promise<T>): Promise<T> {
  mkdirSync(pathBytes(branchStore(work)), { recursive: true, mode: 0o700 })
  const path = `${branchStore(work)}/merging.lock`
  const fd = native.openat(AT_FDCWD, path, O_CREAT | O_RDWR, 0o600)
  if (fd < 0) throw new StratafsError(`${shown(path)} cannot be opened: ${errnoWords(fd)}`)
  try {
    if (native.flock(fd, LOCK_EX | LOCK_NB) < 0)
      throw new StratafsError('a branch is being merged into this mount', 'IN_USE', 'wait for its end')
    return await act()
  } finally {
    native.close(fd)
  }
}
