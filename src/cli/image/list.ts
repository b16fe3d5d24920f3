/** `stratafs image list`: the images of an OCI layout. */
import { JSON_OPTION, rowFormat } from '../contents/options.js'
import { type Add, last, list } from '../terminal/command.js'

export const imageList: Add = (parser, outcome) =>
  parser.command(
    ['list <layout>', 'ls'],
    'the images of a layout, the newest first',
    (command) =>
      command
        .positional('layout', { type: 'string', demandOption: true, describe: 'an OCI layout on disk' })
        .option('filter', {
          type: 'string',
          requiresArg: true,
          describe: 'KEY=VALUE: dangling, label, before, since, until, reference; repeat it',
        })
        .option('quiet', { alias: 'q', type: 'boolean', describe: 'ids alone' })
        .option('no-trunc', { type: 'boolean', describe: 'nothing is cut' })
        .option('no-count', {
          type: 'boolean',
          describe: 'do not read layers whose uncompressed size is not known; others are read once',
        })
        .option('json', JSON_OPTION)
        .option(
          'format',
          rowFormat(
            '.Repository .Tag .ID .Digest .CreatedSince .CreatedAt .Size .ContentSize .UniqueSize .Platform .Layers',
          ),
        )
        .example('$0 image list ./images', '')
        .example("$0 image list ./images --filter 'reference=app*' --format '{{.Tag}}: {{.Size}}'", ''),
    async (given) => {
      const { runImageList } = await import('../contents/list-run.js')
      outcome.code = await runImageList({
        layout: given.layout,
        filters: list(given.filter),
        quiet: given.quiet === true,
        whole: given['no-trunc'] === true,
        count: given['no-count'] !== true,
        json: given.json === true,
        format: last(given.format),
      })
    },
  )
