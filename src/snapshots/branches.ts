/**
 * The branches of a mount, as its workdir keeps them: `branches/branches.json` is for people, too. Each has a directory
 * beside it, with its upper and workdir. What a branch stands on is a snapshot of the mount, which cannot go before it.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { errnoWords, errorWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { pathBytes, printable, shown } from '../base/text.js'
import { AT_FDCWD, LOCK_EX, O_DIRECTORY, O_RDONLY } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { damaged, writeDocument } from './document.js'
import { chainOf, readList } from './records.js'

export interface BranchRecord {
  /** Its directory's name. */
  readonly id: number
  readonly name: string
  /** The number of the snapshot that it stands on. */
  readonly snapshot: number
  /** The snapshot was made for it, and goes with it. */
  readonly own: boolean
  /** ISO time. */
  readonly created: string
  /** Where it was mounted last; latin1. */
  readonly mountpoint: string
}

/** Where they lie (latin1, as all paths here). */
export function branchStore(work: string): string {
  return `${work}/branches`
}

export function branchDirectory(work: string, id: number): string {
  return `${branchStore(work)}/${id}`
}

/** The oldest first. Throws StratafsError where the list cannot be read. */
export function readBranches(work: string): BranchRecord[] {
  const path = `${branchStore(work)}/branches.json`
  try {
    const list = JSON.parse(readFileSync(pathBytes(path), 'utf8')) as { version?: unknown; branches?: BranchRecord[] }
    if (list.version === 1 && Array.isArray(list.branches)) return list.branches
    throw new SyntaxError()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    const why = error instanceof SyntaxError ? 'it is no list of branches' : errorWords(error)
    throw damaged(path, why)
  }
}

/**
 * Writes what `change` makes of the list, while nobody else does: many branches may be made at once. Throws what it
 * throws, with nothing written.
 */
export function changeBranches(work: string, change: (branches: BranchRecord[]) => readonly BranchRecord[]): void {
  mkdirSync(pathBytes(branchStore(work)), { recursive: true, mode: 0o700 })
  const opened = native.openat(AT_FDCWD, branchStore(work), O_RDONLY | O_DIRECTORY, 0)
  if (opened < 0) throw new StratafsError(`${shown(branchStore(work))} cannot be opened: ${errnoWords(opened)}`)
  withFd(opened, (fd) => {
    native.flock(fd, LOCK_EX)
    writeDocument(branchStore(work), 'branches.json', { version: 1, branches: change(readBranches(work)) })
    return 0
  })
}

/** The one called `name`. Throws StratafsError. */
export function branchOf(work: string, name: string): BranchRecord {
  const found = readBranches(work).find((record) => record.name === name)
  if (found !== undefined) return found
  throw new StratafsError(`there is no branch ${printable(name)}`, 'NOT_FOUND', '`stratafs branch list` shows them')
}

/** Snapshots that branches stand on, by way of others too, each with the name of one. */
export function heldByBranches(work: string): Map<number, string> {
  const list = readList(work)
  const held = new Map<number, string>()
  for (const { name, snapshot } of readBranches(work))
    if (list.snapshots.some(({ id }) => id === snapshot))
      for (const { id } of chainOf(list, snapshot)) held.set(id, name)
  return held
}
