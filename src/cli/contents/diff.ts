/** `stratafs image diff`: what is different in another image, a mount, or with a layer. */
import { type Add, last } from '../terminal/command.js'
import { JSON_OPTION, PLATFORM, REFERENCE, rowFormat } from './options.js'

export const imageDiff: Add = (parser, outcome) =>
  parser.command(
    'diff <image> [other]',
    'what is added (A), changed (C) and deleted (D) in another image, a directory, or by a layer',
    (command) =>
      command
        .positional('image', REFERENCE)
        .positional('other', {
          type: 'string',
          describe: 'LAYOUT:TAG, a mount or another directory, or a layer’s archive, which is put on the image',
        })
        .option('layer', { type: 'string', requiresArg: true, describe: 'what layer N did: 1 is the lowest' })
        .option('platform', PLATFORM)
        .option('json', JSON_OPTION)
        .option('format', rowFormat('.Change .Kind .Size .SizeBefore .Path .What'))
        .option('exit-code', { type: 'boolean', describe: 'exit with 1 when something is different' })
        .example('$0 image diff ./images:app-1 ./images:app-2', '')
        .example('$0 image diff ./images:app /mnt/root', 'an image and a mount of it')
        .example('$0 image diff ./images:app --layer 3', 'what its third layer did'),
    async (given) => {
      const { runImageDiff } = await import('./diff-run.js')
      outcome.code = await runImageDiff({
        image: given.image,
        other: given.other,
        layer: last(given.layer),
        platform: last(given.platform),
        json: given.json === true,
        format: last(given.format),
        exitCode: given['exit-code'] === true,
      })
    },
  )
