/** `stratafs image rm`: an image goes, and with it what nobody else has. */
import { type Add, last } from '../terminal/command.js'
import { REFERENCE, STORE } from './options.js'

export const imageRm: Add = (parser, outcome) =>
  parser.command(
    ['rm <image..>', 'remove'],
    'remove images, their blobs and unpacked layers that no other image has',
    (command) =>
      command
        .positional('image', { ...REFERENCE, array: true })
        .option('store', STORE)
        .option('json', { type: 'boolean', describe: 'what was removed, as JSON' })
        .example('$0 image rm ./debian:12', 'refused while a mount uses one of its layers'),
    async (given) => {
      const { runImageRm } = await import('./rm-run.js')
      outcome.code = await runImageRm({ images: given.image, store: last(given.store), json: given.json === true })
    },
  )
