/** `stratafs host`: the process that serves the mounts made in the background. */
import type { Add } from '../terminal/command.js'

export const hostCommand: Add = (parser, outcome) =>
  parser.command(
    'host [action]',
    'the process that serves mounts in the background: show it, or end it',
    (command) =>
      command
        .positional('action', {
          choices: ['status', 'stop'] as const,
          describe: 'status: its mounts, threads and memory; stop: end it where it has no mount',
        })
        .check(({ action }) => action !== undefined || 'say which: status or stop')
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .example('$0 host status', '')
        .example('$0 host stop', 'after an update, where nothing is mounted'),
    async (given) => {
      const { runHostStatus, runHostStop } = await import('./host-run.js')
      outcome.code = await (given.action === 'status' ? runHostStatus : runHostStop)(given.json === true)
    },
  )
