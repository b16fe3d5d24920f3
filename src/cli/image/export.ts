/** `stratafs image export`: the merged tree of an image, or of a mount, as one tar. */
import { policyOptions, wishesOf } from '../commands/apply.js'
import { type Add, last } from '../terminal/command.js'
import { PLATFORM, STORE } from './options.js'

export const imageExport: Add = (parser, outcome) =>
  parser.command(
    'export <image>',
    'write the merged tree as one tar',
    (command) =>
      policyOptions(
        command.positional('image', {
          type: 'string',
          demandOption: true,
          describe: 'LAYOUT:TAG, or a directory that is mounted on',
        }),
      )
        .option('store', STORE)
        .option('output', {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          describe: 'rootfs.tar[.gz|.zst]; - is standard output',
        })
        .option('timestamp', { type: 'string', requiresArg: true, describe: 'no later time in it' })
        .option('platform', PLATFORM)
        .option('json', { type: 'boolean', describe: 'what came of it, as JSON' })
        .example('$0 image export ./images:app --output - | tar -tvf -', ''),
    async (given) => {
      const { runImageExport } = await import('./export-run.js')
      outcome.code = await runImageExport({
        image: given.image,
        store: last(given.store),
        platform: last(given.platform),
        wishes: await wishesOf(given),
        output: last(given.output)!,
        timestamp: last(given.timestamp),
        json: given.json === true,
      })
    },
  )
