/**
 * Carries out what hosted-words.ts reads, in a host: by the same functions as the command, so with the same words. What
 * they print goes to the caller, and relative paths begin where the caller is.
 */
import { caller } from '../../base/caller.js'
import type { HostCall, Say } from '../../daemon/host/host-line.js'
import { told } from '../terminal/errors.js'
import { runBranchCreate } from './branch-run.js'
import { type HostedWords, readHostedWords } from './hosted-words.js'
import { runSnapshotCreate, runSnapshotRestore } from './snapshot-run.js'

/** The command's exit code, with what it prints said as `out TEXT` and `err TEXT`; null: the call is the command's. */
export async function runHosted({ args, cwd }: HostCall, say: Say): Promise<number | null> {
  const words = readHostedWords(args)
  if (words === null) return null
  const print = (fd: 1 | 2, text: string | Uint8Array): void =>
    void say(`${fd === 1 ? 'out' : 'err'} ${typeof text === 'string' ? text : Buffer.from(text).toString()}`)
  return caller.run({ cwd, print }, () => told(() => run(words)))
}

function run(words: HostedWords & { readonly json: boolean }): Promise<number> {
  const { merged, json } = words
  if (words.kind === 'create') return runSnapshotCreate(merged, words.name, words.message, json)
  if (words.kind === 'restore') return runSnapshotRestore(merged, words.name, words.discard, json)
  return runBranchCreate(merged, words.name, words.directory, words.from, json)
}
