/** `stratafs image load`: the images of an archive into an OCI layout. */
import type { Add } from '../terminal/command.js'
import { JSON_OPTION } from './options.js'

export const imageLoad: Add = (parser, outcome) =>
  parser.command(
    'load <archive> <layout>',
    'take the images of an archive that docker, podman or skopeo saved into an OCI layout',
    (command) =>
      command
        .positional('archive', {
          type: 'string',
          demandOption: true,
          describe: 'a docker-archive or oci-archive, plain or compressed; - is standard input',
        })
        .positional('layout', {
          type: 'string',
          demandOption: true,
          describe: 'the layout, made where it is missing; LAYOUT:TAG for one image under that name',
        })
        .option('json', JSON_OPTION)
        .example('docker save app:1 | $0 image load - ./images', 'then: stratafs image mount ./images:app:1 /mnt/root')
        .example('$0 image load app.tar ./images:app', ''),
    async (given) => {
      const { runImageLoad } = await import('./load-run.js')
      outcome.code = await runImageLoad(given.archive, given.layout, given.json === true)
    },
  )
