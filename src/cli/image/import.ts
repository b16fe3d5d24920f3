/** `stratafs image import`: a root filesystem's tar becomes an image of one layer. */
import { type Add, last, list } from '../terminal/command.js'

export const imageImport: Add = (parser, outcome) =>
  parser.command(
    'import <archive> <image>',
    'make an image of one layer from a root filesystem’s tar',
    (command) =>
      command
        .positional('archive', {
          type: 'string',
          demandOption: true,
          describe: 'a tar, plain, gzip or zstd; - is standard input',
        })
        .positional('image', {
          type: 'string',
          demandOption: true,
          describe: 'LAYOUT:TAG; the layout is made where it is missing',
        })
        .option('compression', {
          choices: ['none', 'gzip', 'zstd'] as const,
          requiresArg: true,
          describe: 'of the layer [as it came, else gzip]',
        })
        .option('message', { alias: 'm', type: 'string', requiresArg: true, describe: 'a comment for the history' })
        .option('author', { type: 'string', requiresArg: true, describe: 'who made it' })
        .option('change', {
          type: 'string',
          requiresArg: true,
          describe: 'a Dockerfile line for its configuration, CMD, ENTRYPOINT, ENV, USER …; repeat it',
        })
        .option('platform', { type: 'string', requiresArg: true, describe: 'OS/ARCHITECTURE [this machine’s]' })
        .option('timestamp', {
          type: 'string',
          requiresArg: true,
          describe: 'when it was made: seconds since 1970 or ISO [SOURCE_DATE_EPOCH, now]',
        })
        .option('json', { type: 'boolean', describe: 'digests, as JSON' })
        .example('$0 image import rootfs.tar.gz ./images:base --change \'CMD ["/bin/bash"]\'', '')
        .example('debootstrap … && tar -C root -c . | $0 image import - ./images:base -m "Debian 12"', ''),
    async (given) => {
      const { runImageImport } = await import('./import-run.js')
      outcome.code = await runImageImport({
        archive: given.archive,
        image: given.image,
        compression: last(given.compression) as 'none' | 'gzip' | 'zstd' | undefined,
        message: last(given.message),
        author: last(given.author),
        platform: last(given.platform),
        changes: list(given.change),
        timestamp: last(given.timestamp),
        json: given.json === true,
      })
    },
  )
