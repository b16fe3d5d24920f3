/** `stratafs diff`: what the upper directory changes. */
import type { Argv } from 'yargs'
import type { Changed } from '../../library/changes.js'
import { type Add, last, list } from '../terminal/command.js'
import { splitNamed } from '../terminal/named-layer.js'

/** The options that name layers one by one, in place of a mount. */
export function sourceOptions<T>(command: Argv<T>) {
  return command
    .option('upper', { type: 'string', requiresArg: true, describe: 'without a mount: the upper directory' })
    .option('lower', {
      type: 'string',
      requiresArg: true,
      describe: 'its lower directories, top first, or NAME=DIR; repeat it',
    })
    .option('work', { type: 'string', requiresArg: true, describe: 'its work directory, for hard links' })
    .option('userxattr', { type: 'boolean', describe: 'its marks are user.overlay.*' })
}

/** What yargs read of them, and of the mount. */
interface SourceArguments {
  readonly merged?: string | undefined
  readonly upper?: string | string[] | undefined
  readonly lower?: string | string[] | undefined
  readonly work?: string | string[] | undefined
  readonly userxattr?: boolean | undefined
}

/** The layers that are meant. Throws StratafsError. */
export async function sourceOf(given: SourceArguments): Promise<Changed> {
  const { pathBytes } = await import('../../base/text.js')
  const { StratafsError } = await import('../../base/failure.js')
  const upper = last(given.upper)
  const work = last(given.work)
  const lowers = list(given.lower).map((lower) => splitNamed(lower).path)
  if ((given.merged === undefined) === (upper === undefined))
    throw new StratafsError('name a mount, or an upper directory with --upper and --lower')
  if (given.merged !== undefined) return pathBytes(given.merged)
  if (lowers.length === 0) throw new StratafsError('--upper needs the layers below it: --lower DIR, top first')
  return {
    upper: pathBytes(upper!),
    lower: lowers.map(pathBytes),
    ...(work === undefined ? {} : { work: pathBytes(work) }),
    ...(given.userxattr === undefined ? {} : { userxattr: given.userxattr }),
  }
}

export const diffCommand: Add = (parser, outcome) =>
  parser.command(
    'diff [merged]',
    'what was added (A), changed (C) and deleted (D)',
    (command) =>
      sourceOptions(command.positional('merged', { type: 'string', describe: 'the directory that is mounted on' }))
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .option('exit-code', { type: 'boolean', describe: 'exit with 1 when something changed' })
        .example('$0 diff merged', 'letter, kind, size, layer and path of each change')
        .example('$0 diff --upper changes --lower app --lower base', 'the same without a mount'),
    async (given) => {
      const { runDiff } = await import('./diff-run.js')
      outcome.code = await runDiff({
        source: await sourceOf(given),
        names: list(given.lower).map((lower) => splitNamed(lower).name),
        json: given.json === true,
        exitCode: given['exit-code'] === true,
      })
    },
  )
