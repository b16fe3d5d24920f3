/** A program of node's in an empty place with mounts of its own, as root or in a user namespace; swept afterwards. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export const KINDS = ['passthrough', 'cached', 'user'] as const
export type Kind = (typeof KINDS)[number]

const PATIENCE_MS = 600_000

/** Runs what `words` makes of an empty directory below `at`. */
export function runIn(at: string, kind: Kind, words: (tree: string) => string[]): SpawnSyncReturns<string> {
  const place = mkdtempSync(join(at, 'history-'))
  const run = join(place, 'run')
  const tree = join(place, 'tree')
  for (const path of [run, tree]) mkdirSync(path)
  const env = { ...process.env, STRATAFS_RUN_DIR: run, STRATAFS_HOST_IDLE: '0' }
  const all = [process.execPath, ...words(tree)]
  // Out of sight of whoever makes a mount namespace meanwhile: its copy of a mount keeps the upperdir in use.
  const ended = spawnSync('unshare', [kind === 'user' ? '-Urm' : '-m', ...all], {
    encoding: 'utf8',
    env,
    timeout: PATIENCE_MS,
    maxBuffer: 1 << 26,
  })
  rmSync(place, { recursive: true, force: true })
  return ended
}
