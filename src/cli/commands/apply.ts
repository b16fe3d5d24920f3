/** `stratafs apply`: a layer's archive becomes a lower directory. */
import type { Argv } from 'yargs'
import type { PolicyOptions } from '../../library/layers.js'
import { type Add, last } from '../terminal/command.js'

/** The options that say what an unpacked layer may hold; the same for every command that unpacks. */
export function policyOptions<T>(command: Argv<T>) {
  return command
    .option('owners', {
      choices: ['keep', 'mine', 'xattr'] as const,
      requiresArg: true,
      describe: 'as archived (root’s default); all yours (others’); yours, with the true ones in an attribute',
    })
    .option('userxattr', { type: 'boolean', describe: 'marks as user.overlay.*, for a mount with userxattr' })
    .option('max-size', { type: 'string', requiresArg: true, describe: 'refuse what unpacks to more: 500M, 2G' })
    .option('max-entries', { type: 'string', requiresArg: true, describe: 'refuse more entries than that' })
}

/** What yargs read of `policyOptions`. */
interface PolicyArguments {
  readonly owners?: 'keep' | 'mine' | 'xattr' | undefined
  readonly nodev?: boolean | undefined
  readonly nosuid?: boolean | undefined
  readonly userxattr?: boolean | undefined
  readonly 'max-size'?: string | undefined
  readonly 'max-entries'?: string | undefined
}

/** The wishes in them. Throws StratafsError. */
export async function wishesOf(given: PolicyArguments): Promise<PolicyOptions> {
  const { parseBytes, parseCount } = await import('../../library/layers.js')
  const size = last(given['max-size'])
  const entries = last(given['max-entries'])
  return {
    ...(given.owners === undefined ? {} : { owners: last(given.owners) as PolicyOptions['owners'] & string }),
    nodev: given.nodev === true,
    nosuid: given.nosuid === true,
    userxattr: given.userxattr === true,
    ...(size === undefined ? {} : { maxBytes: parseBytes('--max-size', size) }),
    ...(entries === undefined ? {} : { maxEntries: parseCount('--max-entries', entries) }),
  }
}

export const applyCommand: Add = (parser, outcome) =>
  parser.command(
    'apply <archive> <directory>',
    'unpack a layer’s tar as a lower directory',
    (command) =>
      policyOptions(
        command
          .positional('archive', {
            type: 'string',
            demandOption: true,
            describe: 'a tar, plain or compressed with gzip or zstd; - is standard input',
          })
          .positional('directory', {
            type: 'string',
            demandOption: true,
            describe: 'what is made; may be there, empty',
          }),
      )
        .option('nodev', { type: 'boolean', describe: 'refuse devices' })
        .option('nosuid', { type: 'boolean', describe: 'refuse setuid, setgid and file capabilities' })
        .option('volatile', { type: 'boolean', describe: 'do not wait until it is on disk' })
        .option('digest', { type: 'string', requiresArg: true, describe: 'sha256:… that the archive has to have' })
        .option('diff-id', { type: 'string', requiresArg: true, describe: 'sha256:… that its content has to have' })
        .option('replace', { type: 'boolean', describe: 'of entries with one name the last counts [true]' })
        .option('no-replace', { type: 'boolean', describe: 'refuse entries with one name instead' })
        .option('json', { type: 'boolean', describe: 'what came of it, as JSON' })
        .example('$0 apply layer.tar.gz layers/app', 'a lower directory for `stratafs mount --lower layers/app`')
        .example(
          'curl -s https://…/layer.tar.zst | $0 apply - layers/app --digest sha256:…',
          'only if it is the right one',
        ),
    async (given) => {
      const { runApply } = await import('./apply-run.js')
      outcome.code = await runApply({
        archive: given.archive,
        directory: given.directory,
        digest: last(given.digest),
        diffID: last(given['diff-id']),
        wishes: { ...(await wishesOf(given)), replace: given['no-replace'] !== true },
        sync: given.volatile !== true,
        json: given.json === true,
      })
    },
  )
