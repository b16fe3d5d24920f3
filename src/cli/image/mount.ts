/** `stratafs image mount`: an image's root filesystem, mounted in one step with a fresh upper. */
import { policyOptions, wishesOf } from '../commands/apply.js'
import { type Add, last, list } from '../terminal/command.js'
import { PLATFORM, REFERENCE, STORE } from './options.js'

export const imageMount: Add = (parser, outcome) =>
  parser.command(
    'mount <image> <merged>',
    'unpack what is missing and mount the merged root',
    (command) =>
      policyOptions(
        command
          .positional('image', REFERENCE)
          .positional('merged', { type: 'string', demandOption: true, describe: 'the directory to mount on' }),
      )
        .option('store', STORE)
        .option('upper', { type: 'string', requiresArg: true, describe: 'where changes go [a fresh one in the store]' })
        .option('work', { type: 'string', requiresArg: true, describe: 'work directory [beside the upper]' })
        .option('read-only', { type: 'boolean', describe: 'without an upper' })
        .option('o', {
          type: 'string',
          requiresArg: true,
          describe: 'mount options, as for `stratafs mount` [index=immutable]',
        })
        .option('platform', PLATFORM)
        .option('json', { type: 'boolean', describe: 'what was mounted, as JSON' })
        .example('$0 image mount ./debian:12 /mnt/root', 'prints where its changes are kept')
        .example('$0 image mount --read-only ./debian:12 /mnt/root', ''),
    async (given) => {
      const { runImageMount } = await import('./mount-run.js')
      outcome.code = await runImageMount({
        image: given.image,
        merged: given.merged,
        store: last(given.store),
        upper: last(given.upper),
        work: last(given.work),
        readOnly: given['read-only'] === true,
        options: list(given.o),
        platform: last(given.platform),
        wishes: await wishesOf(given),
        json: given.json === true,
      })
    },
  )
