/**
 * `stratafs mount` as yargs reads it. What is spelled plainly need not come here when it is launched: see
 * mount-fast-parse.ts.
 */
import { type Add, last, list } from '../terminal/command.js'
import { outputColumns } from '../terminal/output.js'
import { mountOptionsText } from './mount-options-help.js'
import type { MountArguments } from './mount-request.js'

/** Mounts; the exit code. */
export type RunMount = (given: MountArguments) => Promise<number>

/** The command, which mounts by `run`. */
export const mountCommand =
  (run: RunMount): Add =>
  (parser, outcome) =>
    parser.command(
      'mount <merged>',
      'mount the merged directory; in the background unless -f',
      (command) =>
        command
          .positional('merged', { type: 'string', demandOption: true, describe: 'the directory to mount on' })
          .option('lower', {
            type: 'string',
            requiresArg: true,
            describe: 'a lower directory, top first, or NAME=DIR; repeat it',
          })
          .option('upper', {
            type: 'string',
            requiresArg: true,
            describe: 'the writable directory; without it: read-only',
          })
          .option('work', {
            type: 'string',
            requiresArg: true,
            describe: 'work directory [.NAME.work beside the upper]',
          })
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
          .option('log', {
            choices: ['journal'] as const,
            requiresArg: true,
            describe: 'log to systemd’s journal, each fact as a field of its own',
          })
          .option('log-file', { type: 'string', requiresArg: true, describe: 'where the daemon logs' })
          .option('json', { type: 'boolean', describe: 'tell as JSON what was mounted (in the background)' })
          .example('$0 mount --lower app --lower base --upper changes merged', 'two layers, changes kept in `changes`')
          .example('$0 mount --lower base -o nosuid,nodev merged', 'read-only')
          .epilogue(mountOptionsText(Math.min(110, outputColumns()))),
      async (given) => {
        outcome.code = await run({
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
          ...(given.log === undefined ? {} : { log: last(given.log) }),
          ...(given.json === true ? { json: true } : {}),
        })
      },
    )
