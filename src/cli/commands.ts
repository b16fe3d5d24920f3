/**
 * The commands, as yargs reads them: one row each with its options and an example. What they do is in the files of
 * their names; here is only how they are asked. Arguments come as latin1 strings, so paths stay bytes.
 */
import type { Argv } from 'yargs'
import yargs from 'yargs'
import { shown } from '../base/text.js'
import { applyCommand } from './commands/apply.js'
import { commitCommand } from './commands/commit.js'
import { completionCommand } from './commands/completion.js'
import { diffCommand } from './commands/diff.js'
import { duCommand, indexCommand, lsCommand, whichCommand } from './commands/owner-commands.js'
import { statsCommand } from './commands/stats.js'
import { exploreCommand } from './explore/explore.js'
import { imageCommand } from './image/image.js'
import { storeCommand } from './image/store.js'
import { layerCommand } from './layer/layer.js'
import { mountCommand, type RunMount } from './mount/mount.js'
import { COMMANDS } from './mount/mount-program.js'
import { healthCommand } from './mounts/health.js'
import { hostCommand } from './mounts/host.js'
import { limitCommand } from './mounts/limit.js'
import { listCommand } from './mounts/list.js'
import { logCommand } from './mounts/log.js'
import { branchCommand } from './snapshot/branch.js'
import { snapshotCommand } from './snapshot/snapshot.js'
import { snapshotterCommand } from './snapshotter/snapshotter.js'
import { type Add, last, list, type Outcome } from './terminal/command.js'
import { Exit, printError } from './terminal/errors.js'
import { outputColumns, writeOut } from './terminal/output.js'
import { NO_COMMAND, suggestion, UsageError, usageWords } from './terminal/usage-error.js'
import { packageVersion } from './terminal/version.js'
import { wordsForParser } from './terminal/words.js'

/** Runs the command that `args` (latin1) name, `mount` by `runMount`; the exit code. */
export async function runCommands(given: readonly string[], runMount: RunMount = mountNow): Promise<number> {
  const args = wordsForParser(given)
  const first = args[0]
  if (first !== undefined && !first.startsWith('-') && !COMMANDS.includes(first)) return unknownCommand(first)
  const outcome: Outcome = { code: Exit.DONE }
  const parser = describe(yargs([...args]), args, outcome, runMount)
  spareHelp(parser)
  const { log } = console
  // Help, which yargs prints.
  console.log = (text: string) => writeOut(`${text}\n`)
  try {
    await parser.parseAsync()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    printError(`${error.message} (stratafs ${first?.startsWith('-') === false ? `${first} ` : ''}--help shows how)`)
    return Exit.USAGE
  } finally {
    console.log = log
  }
  return outcome.code
}

const mountNow: RunMount = async (given) => {
  const { runMount } = await import('./mount/mount-command.js')
  return runMount(given)
}

/**
 * yargs lays out the whole help while the command that was called already runs, in case somebody shows it after all,
 * and the command waits for that: half of what yargs costs. Who asks for help gets it laid out then.
 */
function spareHelp(parser: Argv): void {
  const { getInternalMethods } = parser as {
    getInternalMethods?: () => { getUsageInstance(): { cacheHelpMessage(): void } }
  }
  const usage = getInternalMethods?.call(parser).getUsageInstance()
  if (usage !== undefined) usage.cacheHelpMessage = () => {}
}

function unknownCommand(word: string): number {
  printError(`unknown command ${shown(word)}${suggestion(word, COMMANDS, '')} (stratafs --help lists them)`)
  return Exit.USAGE
}

/** Adds every command to `parser`, which reads `args`; the manual is read from it, too (scripts/man-pages.ts). */
export function describe(parser: Argv, args: readonly string[], outcome: Outcome, runMount: RunMount): Argv {
  const owners = [whichCommand, lsCommand, duCommand, indexCommand]
  const asked = [
    listCommand,
    inspectCommand,
    statsCommand,
    healthCommand,
    hostCommand,
    limitCommand,
    logCommand,
    ...owners,
  ]
  const layers = [diffCommand, commitCommand, applyCommand, imageCommand, storeCommand, exploreCommand]
  const commands = [
    mountCommand(runMount),
    unmountCommand,
    ...asked,
    ...layers,
    snapshotCommand,
    branchCommand,
    layerCommand,
    bundleCommand,
    snapshotterCommand,
    completionCommand,
    helpCommand,
  ]
  const described = commands.reduce((so, add) => add(so, outcome), parser.scriptName('stratafs'))
  return described
    .usage('$0 COMMAND\n\nMerges read-only layers and one writable directory into one directory.')
    .demandCommand(1, NO_COMMAND)
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
    .wrap(Math.min(110, outputColumns()))
    .locale('en')
    .exitProcess(false)
    .fail((message, error) => {
      throw message ? new UsageError(usageWords(message, args, parser)) : error
    })
}

/** Stands in the list; it is read before (`wordsForParser`). */
const helpCommand: Add = (parser) =>
  parser.command('help [command..]', 'how a command is used, as COMMAND --help', (command) =>
    command.example('$0 help image mount', ''),
  )

const unmountCommand: Add = (parser, outcome) =>
  parser.command(
    ['unmount <merged>', 'umount'],
    'unmount, and wait until everything is on disk',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
        .option('lazy', { type: 'boolean', describe: 'also while files are open in it' })
        .option('json', { type: 'boolean', describe: 'tell as JSON what was unmounted' })
        .example('$0 unmount merged', ''),
    async (given) => {
      const { runUnmount } = await import('./commands/mount-queries.js')
      outcome.code = await runUnmount(given.merged, given.lazy === true, given.json === true)
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
        .option('json', { type: 'boolean', describe: 'as JSON, as it always is' })
        .option('format', {
          type: 'string',
          requiresArg: true,
          describe: 'a template as docker inspect takes it, a plain path, or json',
        })
        .example("$0 inspect merged --format '{{.GraphDriver.Data.UpperDir}}'", 'where the changes are')
        .example('$0 inspect --all', ''),
    async (given) => {
      const { runInspect } = await import('./commands/mount-queries.js')
      outcome.code = await runInspect(given.merged, given.all === true, last(given.format))
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
      const { runBundle } = await import('./commands/bundle-command.js')
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
