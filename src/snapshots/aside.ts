/** What has been moved out of the way in a workdir's `snapshots/`, and is to go: beside whoever has it to do. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { namesIn } from '../base/names-in.js'
import { fromText, shown } from '../base/text.js'
import { removeTree } from '../layers/workdir.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDWR, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { Stat } from '../syscalls/stat.js'
import { directoryOf, storeOf } from './records.js'

/** Removes `names`, with all that is in them, by another process; at once where the path is no text. */
export function removeAside(work: string, names: readonly string[]): void {
  const store = storeOf(work)
  const cwd = shown(store)
  if (fromText(cwd) === store) {
    execFile('rm', ['-rf', '--', ...names], { cwd }, () => undefined).unref()
    return
  }
  const opened = native.openat(AT_FDCWD, store, O_PATH | O_DIRECTORY, 0)
  if (opened >= 0) withFd(opened, (fd) => names.map((name) => removeTree(fd, name)).length)
}

/** The layer `id` is to go, and another one may have its number at once. */
export function moveAside(work: string, id: number): void {
  const aside = `${storeOf(work)}/old-${id}x${randomUUID().replaceAll('-', '')}`
  native.renameat(AT_FDCWD, directoryOf(work, id), AT_FDCWD, aside, 0)
}

/** Inodes whose numbers are those of files in a snapshot, or in the present: nothing new is to get them. */
export const NUMBERS = 'numbers'

/** What is kept for its number alone is emptied: beside whoever has it to do, and but for files that are still open. */
function sweepNumbers(work: string): void {
  const store = storeOf(work)
  const cwd = shown(store)
  const opened = native.openat(AT_FDCWD, `${store}/${NUMBERS}`, O_PATH | O_DIRECTORY, 0)
  if (opened < 0) return
  withFd(opened, (fd) => {
    for (const name of namesIn(`${store}/${NUMBERS}`)) empty(fd, name)
    return 0
  })
  if (fromText(cwd) === store)
    execFile('find', [NUMBERS, '-mindepth', '2', '-delete'], { cwd }, () => undefined).unref()
}

function empty(numbers: number, name: string): void {
  if (native.statat(numbers, name) < 0) return
  const { stat } = native
  if ((stat[Stat.MODE]! & S_IFMT) !== S_IFREG || stat[Stat.SIZE] === 0) return
  withFd(native.openFile(numbers, name, O_RDWR), (fd) => (native.isAlone(fd) === 1 ? native.ftruncate(fd, 0) : 0))
}

/** Removes what a daemon that died had moved aside. */
export function sweepAside(work: string): void {
  sweepNumbers(work)
  const names = namesIn(storeOf(work)).filter((name) => /^(?:old|index)-\w+$/.test(name))
  if (names.length > 0) removeAside(work, names)
}
