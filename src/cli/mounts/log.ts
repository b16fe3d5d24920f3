/** `stratafs log`: what has changed in a mount. */
import { type Add, last } from '../terminal/command.js'

export const logCommand: Add = (parser, outcome) =>
  parser.command(
    'log <merged>',
    'which paths were created, changed, renamed and removed, when, by whom (-o changelog=1)',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
        .option('follow', { alias: 'f', type: 'boolean', describe: 'go on with what comes' })
        .option('since', {
          type: 'string',
          requiresArg: true,
          describe: 'only what is not older: a time (2026-11-30T12:00), 10m, 2h, 1d ago, or a snapshot',
        })
        .option('json', { type: 'boolean', describe: 'as JSON; with --follow one line for each change' })
        .example('$0 log merged --since 10m', '')
        .example('$0 log merged --since before-upgrade', 'since that snapshot was made')
        .example('$0 log --follow --json merged', 'for a program that watches'),
    async (given) => {
      const { runLog } = await import('./log-run.js')
      outcome.code = await runLog({
        merged: given.merged,
        follow: given.follow === true,
        since: last(given.since),
        json: given.json === true,
      })
    },
  )
