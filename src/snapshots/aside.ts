/** What has been moved out of the way in a workdir's `snapshots/`, and is to go: beside whoever has it to do. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fromText, pathBytes, shown } from '../base/text.js'
import { removeTree } from '../layers/workdir.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { storeOf } from './records.js'

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

/** Removes what a daemon that died had moved aside. */
export function sweepAside(work: string): void {
  const names = namesIn(storeOf(work)).filter((name) => /^(?:old|index)-\w+$/.test(name))
  if (names.length > 0) removeAside(work, names)
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(pathBytes(path), 'latin1')
  } catch {
    return []
  }
}
