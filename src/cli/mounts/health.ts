/** `stratafs health`: for whoever watches a machine. */
import type { Add } from '../terminal/command.js'

export const healthCommand: Add = (parser, outcome) =>
  parser.command(
    'health',
    'whether each mount answers within a second; exits with 1 where one does not',
    (command) =>
      command.option('json', { type: 'boolean', describe: 'as JSON' }).example('$0 health || alert', 'in a cron job'),
    async (given) => {
      const { runHealth } = await import('./health-run.js')
      outcome.code = await runHealth(given.json === true)
    },
  )
