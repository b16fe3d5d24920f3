/** `stratafs list`: the mounts there are, for a person. */
import { JSON_OPTION, rowFormat } from '../contents/options.js'
import { type Add, last } from '../terminal/command.js'

export const listCommand: Add = (parser, outcome) =>
  parser.command(
    ['list', 'ps'],
    'your mounts, one a line: image or layers, size of the changes, mode, age, process',
    (command) =>
      command
        .option('json', JSON_OPTION)
        .option('format', rowFormat('.Mountpoint .Image .State .Mode .Age .Since .Pid .Upper .UpperSize .Layers'))
        .example('$0 list', 'inspect MERGED tells more')
        .example("$0 list --format '{{.Mountpoint}} {{.Pid}}'", ''),
    async (given) => {
      const { runList } = await import('./list-run.js')
      outcome.code = runList(given.json === true, last(given.format))
    },
  )
