/** `stratafs image list`: the images of an OCI layout. */
import type { Add } from '../terminal/command.js'

export const imageList: Add = (parser, outcome) =>
  parser.command(
    ['list <layout>', 'ls'],
    'the images of a layout',
    (command) =>
      command
        .positional('layout', { type: 'string', demandOption: true, describe: 'an OCI layout on disk' })
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .example('$0 image list ./images', ''),
    async (given) => {
      const { runImageList } = await import('./show-run.js')
      outcome.code = await runImageList(given.layout, given.json === true)
    },
  )
