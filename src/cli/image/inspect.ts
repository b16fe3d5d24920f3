/** `stratafs image inspect`: one image in full, as JSON. */
import { type Add, last } from '../terminal/command.js'
import { REFERENCE, STORE } from './options.js'

export const imageInspect: Add = (parser, outcome) =>
  parser.command(
    'inspect <image>',
    'one image in full, as JSON',
    (command) =>
      command
        .positional('image', REFERENCE)
        .option('json', { type: 'boolean', describe: 'as JSON, as it always is' })
        .option('store', STORE)
        .option('format', {
          type: 'string',
          requiresArg: true,
          describe: 'a template as docker inspect takes it: {{.Id}}, {{.RepoTags}}, {{json .Config}}',
        })
        .example("$0 image inspect ./images:app --format '{{json .Config}}'", ''),
    async (given) => {
      const { runImageInspect } = await import('./show-run.js')
      outcome.code = await runImageInspect(given.image, last(given.store), last(given.format))
    },
  )
