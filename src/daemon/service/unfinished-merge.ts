/**
 * A branch that was being merged into a mount when both died is merged to its end, by a process of its own: it writes
 * through the mount, which no process that serves it may do.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { errorWords } from '../../base/errno-words.js'
import { packageRoot } from '../../base/package-files.js'
import { shown } from '../../base/text.js'
import { readMerging } from '../../snapshots/merging.js'
import type { SnapshotMount } from './snapshot-drain.js'

/** Begins it where there is one; what comes of it is in the log. */
export function finishBranchMerge({ state, log }: SnapshotMount): void {
  const { mountpoint, config, hybrid } = state()
  if (config.work === null || config.readonly || hybrid) return
  try {
    const left = readMerging(config.work)
    if (left !== null) begin(shown(mountpoint), left.branch, log)
  } catch (error) {
    log('warn', 'whether a branch was being merged cannot be told', { why: errorWords(error) })
  }
}

function begin(mountpoint: string, branch: string, log: SnapshotMount['log']): void {
  log('info', 'a branch was being merged, and is merged to its end', { branch })
  const script = join(packageRoot(), 'dist/src/cli/stratafs.cjs')
  const child = spawn(process.execPath, [script, 'branch', 'merge', mountpoint, branch], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-1000)
  })
  child.on('error', (error) => log('warn', 'the branch stays merged in part', { branch, why: errorWords(error) }))
  child.on('close', (code) => {
    if (code === 0) log('info', 'the branch is merged', { branch })
    else log('warn', 'the branch stays merged in part', { branch, why: words.trim() })
  })
}
