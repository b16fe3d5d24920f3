/**
 * The commands, as yargs reads them: one row each with its options and an example. What they do is in the files of their
 * names; here is only how they are asked. Arguments come as latin1 strings, so paths stay bytes.
 */
import type { Argv } from 'yargs'
import yargs from 'yargs'
import { shown } from '../base/text.js'
import { nearest } from '../daemon/nearest.js'
import { applyCommand } from './apply.js'
import { type Add, last, list, type Outcome } from './command.js'
import { commitCommand } from './commit.js'
import { complain, Exit } from './complain.js'
import { diffCommand } from './diff.js'
import { imageCommand } from './image.js'
import { COMMANDS } from './mount-program.js'
import { duCommand, indexCommand, lsCommand, whichCommand } from './owner-commands.js'
import { packageVersion } from './version.js'

/** What `-o` takes, for a person; daemon/option-table is the whole truth. */
const MOUNT_OPTIONS = `Mount options (-o A,B=C; names as kernel overlayfs and fuse-overlayfs have them):
  lowerdir=A:B upperdir= workdir=           the layers; in A, write \\: and \\, for : and ,
  ro volatile fsync=0|1 noatime             read-only; sync nothing; no syncing; leave access times
  redirect_dir=on|off|follow|nofollow       rename directories of lower layers (on), or EXDEV (off)
  metacopy=on|off xino=on|off|auto          chmod without copying content; inode numbers
  index=on|off|immutable                    a database of which layer owns a name, held against the layers;
                                            immutable: they never change, so nobody looks at them
  index_fill=visited|background             what comes into it: what was visited, or everything at once
  userxattr noacl static_nlink              marks as user.overlay.*; no ACLs; one link for all
  uidmapping=H:C:N gidmapping=H:C:N         owners on disk to owners shown, in ranges
  data=auto|passthrough|cached writeback=0|1
                                            file data: to the layers' own files (root), or through the mount's page cache;
                                            there, whether the kernel gathers small writes
  squash_to_root squash_to_uid= squash_to_gid= xattr_permissions=0|1|2
  allow_other allow_root default_permissions nosuid nodev noexec timeout=S fsname= subtype=
  transport=dev-fuse|fuse-native accept_limits auto_unmount   see docs/transports.md`

/** Runs the command that `args` (latin1) name; the exit code. */
export async function runCommands(args: readonly string[]): Promise<number> {
  const first = args[0]
  if (first !== undefined && !first.startsWith('-') && !COMMANDS.includes(first)) return unknownCommand(first)
  const outcome: Outcome = { code: Exit.DONE }
  const parser = describe(yargs(detachOptions(nameStandardInput(args))), outcome)
  spareHelp(parser)
  try {
    await parser.parseAsync()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const missing = error.message.startsWith('Not enough non-option arguments')
    const words = missing ? `${first}: a directory or file has to be named` : shown(error.message)
    complain(`${words} (stratafs ${first === undefined ? '' : `${first} `}--help shows how)`)
    return Exit.USAGE
  }
  return outcome.code
}

/**
 * yargs lays out the whole help while the command that was called already runs, in case somebody shows it after all, and the command
 * waits for that: half of what yargs costs. Who asks for help gets it laid out then.
 */
function spareHelp(parser: Argv): void {
  const { getInternalMethods } = parser as {
    getInternalMethods?: () => { getUsageInstance(): { cacheHelpMessage(): void } }
  }
  const usage = getInternalMethods?.call(parser).getUsageInstance()
  if (usage !== undefined) usage.cacheHelpMessage = () => {}
}

function unknownCommand(word: string): number {
  const near = nearest(word, COMMANDS)
  complain(
    `unknown command ${shown(word)}${near === null ? '' : `: did you mean ${near}?`} (stratafs --help lists them)`,
  )
  return Exit.USAGE
}

class UsageError extends Error {}

function describe(parser: Argv, outcome: Outcome): Argv {
  const owners = [whichCommand, lsCommand, duCommand, indexCommand]
  const asked = [inspectCommand, statsCommand, ...owners]
  const layers = [diffCommand, commitCommand, applyCommand, imageCommand]
  const commands = [mountCommand, unmountCommand, ...asked, ...layers, bundleCommand]
  const described = commands.reduce((so, add) => add(so, outcome), parser.scriptName('stratafs'))
  return described
    .usage('$0 COMMAND\n\nMerges read-only layers and one writable directory into one directory.')
    .completion('completion', 'print a completion script: source <(stratafs completion)')
    .demandCommand(1, 'no command given')
    .strict()
    .version(packageVersion())
    .alias({ help: 'h' })
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': true,
    })
    .epilogue('As a mount program: stratafs -o lowerdir=A:B,upperdir=U,workdir=W MERGED')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .locale('en')
    .exitProcess(false)
    .fail((message, error) => {
      throw message ? new UsageError(message.split('\n').join('; ')) : error
    })
}

const mountCommand: Add = (parser, outcome) =>
  parser.command(
    'mount <merged>',
    'mount the merged directory; in the background unless -f',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory to mount on' })
        .option('lower', { type: 'string', requiresArg: true, describe: 'a lower directory, top first; repeat it' })
        .option('upper', {
          type: 'string',
          requiresArg: true,
          describe: 'the writable directory; without it: read-only',
        })
        .option('work', { type: 'string', requiresArg: true, describe: 'work directory [.NAME.work beside the upper]' })
        .option('o', { type: 'string', requiresArg: true, describe: 'mount options, separated by commas' })
        .option('transport', {
          choices: ['dev-fuse', 'fuse-native'] as const,
          requiresArg: true,
          describe: 'how requests come [dev-fuse; fuse-native where the addon was not built]',
        })
        .option('accept-limits', {
          type: 'boolean',
          describe: 'over fuse-native: several users, though owners are wrong',
        })
        .option('foreground', { alias: 'f', type: 'boolean', describe: 'stay, and log to the terminal' })
        .option('debug', { alias: 'd', type: 'boolean', describe: 'stay, and tell every request' })
        .option('log-file', { type: 'string', requiresArg: true, describe: 'where the daemon logs' })
        .example('$0 mount --lower app --lower base --upper changes merged', 'two layers, changes kept in `changes`')
        .example('$0 mount --lower base -o nosuid,nodev merged', 'read-only')
        .epilogue(MOUNT_OPTIONS),
    async (given) => {
      const { runMount } = await import('./mount-command.js')
      outcome.code = await runMount({
        merged: given.merged,
        lowers: list(given.lower),
        upper: last(given.upper),
        work: last(given.work),
        options: list(given.o),
        foreground: given.foreground === true,
        trace: given.debug === true,
        logFile: last(given['log-file']),
        transport: given.transport === undefined ? undefined : last(given.transport),
        acceptLimits: given['accept-limits'] === true,
      })
    },
  )

const unmountCommand: Add = (parser, outcome) =>
  parser.command(
    ['unmount <merged>', 'umount'],
    'unmount, and wait until everything is on disk',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
        .option('lazy', { type: 'boolean', describe: 'also while files are open in it' })
        .example('$0 unmount merged', ''),
    async (given) => {
      const { runUnmount } = await import('./ask-commands.js')
      outcome.code = await runUnmount(given.merged, given.lazy === true)
    },
  )

const inspectCommand: Add = (parser, outcome) =>
  parser.command(
    'inspect [merged]',
    'what is mounted there, as JSON',
    (command) =>
      command
        .positional('merged', { type: 'string', describe: 'the directory that is mounted on' })
        .option('all', { type: 'boolean', describe: 'every mount of yours' })
        .option('format', {
          type: 'string',
          requiresArg: true,
          describe: 'one value: a Go-template path or a plain one',
        })
        .example("$0 inspect merged --format '{{.GraphDriver.Data.UpperDir}}'", 'where the changes are')
        .example('$0 inspect --all', ''),
    async (given) => {
      const { runInspect } = await import('./ask-commands.js')
      outcome.code = await runInspect(given.merged, given.all === true, last(given.format))
    },
  )

const statsCommand: Add = (parser, outcome) =>
  parser.command(
    'stats <merged>',
    'counters: requests by kind, copy-ups, memory',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .example('$0 stats merged', ''),
    async (given) => {
      const { runStats } = await import('./ask-commands.js')
      outcome.code = await runStats(given.merged, given.json === true)
    },
  )

const bundleCommand: Add = (parser, outcome) =>
  parser.command(
    'bundle <merged> <directory> [command..]',
    'write an OCI bundle whose root is the mount, for runc and crun',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
        .positional('directory', { type: 'string', demandOption: true, describe: 'where config.json goes' })
        .positional('command', { type: 'string', array: true, describe: 'what runs in it, after -- [sh]' })
        .option('user', { type: 'string', requiresArg: true, describe: 'UID or UID:GID of the process [0:0]' })
        .option('terminal', { alias: 't', type: 'boolean', describe: 'give it a terminal' })
        .option('readonly', { type: 'boolean', describe: 'a read-only root' })
        .option('json', { type: 'boolean', describe: 'tell as JSON where it is' })
        .example('$0 bundle merged box -- /bin/ls -la /', 'then: runc run -b box NAME')
        .example('$0 bundle -t --user 1000 merged shell', 'a shell for user 1000'),
    async (given) => {
      const { runBundle } = await import('./bundle-command.js')
      outcome.code = await runBundle({
        merged: given.merged,
        directory: given.directory,
        command: [...list(given.command), ...list(given['--'] as string[] | undefined)],
        user: last(given.user),
        terminal: given.terminal === true,
        readonly: given.readonly === true,
        json: given.json === true,
      })
    },
  )

/** `-` as an archive: yargs would hand over an empty word. */
function nameStandardInput(args: readonly string[]): string[] {
  const takesArchive = args[0] === 'apply' || args[0] === 'image'
  return args.map((arg) => (takesArchive && arg === '-' ? '/dev/stdin' : arg))
}

/** `-oX` as `-o X`: yargs would read the letters of X as further flags. */
function detachOptions(args: readonly string[]): string[] {
  return args.flatMap((arg) => (/^-o./s.test(arg) ? ['-o', arg.slice(2)] : [arg]))
}
