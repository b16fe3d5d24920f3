/** `stratafs image unpack`: the layers of an image become lower directories in a store. */
import { policyOptions, wishesOf } from '../commands/apply.js'
import { type Add, last } from '../terminal/command.js'
import { PLATFORM, REFERENCE, STORE } from './options.js'

export const imageUnpack: Add = (parser, outcome) =>
  parser.command(
    'unpack <image> [store]',
    'unpack the layers that are missing, each once, shared by digest',
    (command) =>
      policyOptions(
        command.positional('image', REFERENCE).positional('store', { type: 'string', describe: STORE.describe }),
      )
        .option('platform', PLATFORM)
        .option('json', { type: 'boolean', describe: 'the layers and where they are, as JSON' })
        .example('$0 image unpack ./busybox:latest /var/lib/layers', 'prints what mounts it'),
    async (given) => {
      const { runImageUnpack } = await import('./unpack-run.js')
      const { image, json } = given
      outcome.code = await runImageUnpack({
        image,
        store: last(given.store),
        platform: last(given.platform),
        wishes: await wishesOf(given),
        json: json === true,
      })
    },
  )
