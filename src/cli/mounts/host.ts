/** `stratafs host`: the process that serves the mounts made in the background. */
import type { Add } from '../terminal/command.js'

export const hostCommand: Add = (parser, outcome) =>
  parser.command(
    'host [action]',
    'the process that serves mounts in the background: show it, replace it, or end it',
    (command) =>
      command
        .positional('action', {
          choices: ['status', 'stop', 'upgrade'] as const,
          describe:
            'status: its mounts, threads and memory; stop: end it where it has no mount; ' +
            'upgrade: have its mounts (recover=on) served on by this version',
        })
        .check(({ action }) => action !== undefined || 'say which: status, stop or upgrade')
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .example('$0 host status', '')
        .example('$0 host stop', 'after an update, where nothing is mounted')
        .example('$0 host upgrade', 'after an update, with mounts in use'),
    async (given) => {
      const { runHostStatus, runHostStop, runHostUpgrade } = await import('./host-run.js')
      const runs = { status: runHostStatus, stop: runHostStop, upgrade: runHostUpgrade }
      outcome.code = await runs[given.action ?? 'status'](given.json === true)
    },
  )
