/** `stratafs image history`: how an image came about. */
import { rowFormat } from '../contents/options.js'
import { type Add, last } from '../terminal/command.js'
import { REFERENCE } from './options.js'

export const imageHistory: Add = (parser, outcome) =>
  parser.command(
    'history <image>',
    'how an image came about: created, created by, size, comment, and which layers are shared',
    (command) =>
      command
        .positional('image', REFERENCE)
        .option('json', { type: 'boolean', describe: 'in full, as JSON' })
        .option('format', rowFormat('.ID .CreatedSince .CreatedAt .CreatedBy .Size .ContentSize .Comment .SharedWith'))
        .option('no-trunc', { type: 'boolean', describe: 'nothing is cut' })
        .example('$0 image history ./images:app', ''),
    async (given) => {
      const { runImageHistory } = await import('./show-run.js')
      outcome.code = await runImageHistory({
        image: given.image,
        json: given.json === true,
        whole: given['no-trunc'] === true,
        format: last(given.format),
      })
    },
  )
