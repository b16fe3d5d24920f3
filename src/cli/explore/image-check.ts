/** `stratafs image check`: an image held to rules, for CI. */
import { type Add, last, list } from '../terminal/command.js'

export const imageCheck: Add = (parser, outcome) =>
  parser.command(
    'check <image>',
    'hold an image to rules: waste, size, setuid files …; exits with 1 where it breaks one',
    (command) =>
      command
        .positional('image', {
          type: 'string',
          demandOption: true,
          describe: 'LAYOUT:TAG, or an archive (docker save, skopeo, podman; - is standard input)',
        })
        .option('max-wasted', {
          type: 'string',
          requiresArg: true,
          describe: 'bytes that later layers may overwrite or delete: 20MB, 1GiB, 0',
        })
        .option('max-wasted-ratio', {
          type: 'string',
          requiresArg: true,
          describe: 'the same as a part of all bytes, 0 to 1',
        })
        .option('max-size', { type: 'string', requiresArg: true, describe: 'bytes of all files of all layers' })
        .option('max-layers', { type: 'string', requiresArg: true, describe: 'how many layers it may have' })
        .option('no-setuid', { type: 'boolean', describe: 'no setuid or setgid file shows' })
        .option('no-capabilities', { type: 'boolean', describe: 'no file with capabilities shows' })
        .option('no-world-writable', {
          type: 'boolean',
          describe: 'nothing shows that all may write, but what is sticky',
        })
        .option('allow', {
          type: 'string',
          requiresArg: true,
          describe: 'a path that breaks none of the last three rules, with * for any letters; repeat it',
        })
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .example('$0 image check ./images:app --max-wasted 20MB --max-wasted-ratio 0.1 --no-setuid', '')
        .example("docker save app | $0 image check - --no-setuid --allow '/usr/bin/su*'", ''),
    async (given) => {
      const { runImageCheck } = await import('./image-check-run.js')
      outcome.code = await runImageCheck({
        image: given.image,
        maxWasted: last(given['max-wasted']),
        maxWastedRatio: last(given['max-wasted-ratio']),
        maxSize: last(given['max-size']),
        maxLayers: last(given['max-layers']),
        noSetuid: given['no-setuid'] === true,
        noCapabilities: given['no-capabilities'] === true,
        noWorldWritable: given['no-world-writable'] === true,
        allow: list(given.allow),
        json: given.json === true,
      })
    },
  )
