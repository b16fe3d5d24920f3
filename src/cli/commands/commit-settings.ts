/**
 * What a commit is asked for; `commit` and `image commit` read it from their arguments, commit-run.ts carries it out.
 */
import { last, list } from '../terminal/command.js'
import { sourceOf } from './diff.js'

type Given = Parameters<typeof sourceOf>[0] & {
  readonly compression?: 'none' | 'gzip' | 'zstd' | undefined
  readonly level?: string | undefined
  readonly timestamp?: string | undefined
  readonly squash?: boolean | undefined
  readonly live?: boolean | undefined
  readonly snapshot?: string | undefined
  readonly 'dry-run'?: boolean | undefined
  readonly depth?: string | undefined
  readonly json?: boolean | undefined
  readonly base?: string | undefined
  readonly author?: string | undefined
  readonly message?: string | undefined
  readonly change?: string | string[] | undefined
  readonly 'created-by'?: string | undefined
}

/** What yargs read of both sets of options. Throws StratafsError. */
export async function settingsOf(given: Given) {
  return {
    source: await sourceOf(given),
    compression: last(given.compression) as Given['compression'],
    level: last(given.level),
    timestamp: last(given.timestamp),
    squash: given.squash === true,
    live: given.live === true,
    snapshot: last(given.snapshot),
    dryRun: given['dry-run'] === true,
    depth: last(given.depth),
    json: given.json === true,
    base: last(given.base),
    author: last(given.author),
    message: last(given.message),
    changes: list(given.change),
    createdBy: last(given['created-by']),
  }
}

export type CommitSettings = Awaited<ReturnType<typeof settingsOf>>
