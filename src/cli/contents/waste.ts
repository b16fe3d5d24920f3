/** `stratafs image waste`: what an image carries and does not show. */
import { type Add, last } from '../terminal/command.js'
import { JSON_OPTION, PLATFORM, REFERENCE, rowFormat } from './options.js'

export const imageWasteCommand: Add = (parser, outcome) =>
  parser.command(
    'waste <image>',
    'files that later layers delete or write again, by step, and what doing otherwise would save',
    (command) =>
      command
        .positional('image', REFERENCE)
        .option('platform', PLATFORM)
        .option('all', { type: 'boolean', describe: 'every path, not the ten that take most' })
        .option('fail-below', {
          type: 'string',
          requiresArg: true,
          describe: 'exit with 1 when the efficiency is lower, in percent',
        })
        .option('json', JSON_OPTION)
        .option('format', rowFormat('.Path .How .Size .Files .Layer .By'))
        .example('$0 image waste ./images:app', '')
        .example('$0 image waste ./images:app --fail-below 95', 'in a pipeline that builds it'),
    async (given) => {
      const { runImageWaste } = await import('./waste-run.js')
      outcome.code = await runImageWaste({
        image: given.image,
        platform: last(given.platform),
        all: given.all === true,
        failBelow: last(given['fail-below']),
        json: given.json === true,
        format: last(given.format),
      })
    },
  )
