/** `stratafs list`: the mounts there are, for a person. */
import type { Add } from '../terminal/command.js'

export const listCommand: Add = (parser, outcome) =>
  parser.command(
    ['list', 'ps'],
    'your mounts, one a line: image or layers, size of the changes, mode, age, process',
    (command) =>
      command.option('json', { type: 'boolean', describe: 'as JSON' }).example('$0 list', 'inspect MERGED tells more'),
    async (given) => {
      const { runList } = await import('./list-run.js')
      outcome.code = runList(given.json === true)
    },
  )
