/** `stratafs image tree`: the images of a layout by the layers that they share. */
import type { Add } from '../terminal/command.js'
import { JSON_OPTION } from './options.js'

export const imageTreeCommand: Add = (parser, outcome) =>
  parser.command(
    'tree <layout>',
    'its images as a tree: each layer once, on the one that it stands on',
    (command) =>
      command
        .positional('layout', {
          type: 'string',
          demandOption: true,
          describe: 'an OCI layout on disk; LAYOUT:TAG for one image of it',
        })
        .option('json', JSON_OPTION)
        .example('$0 image tree ./images', ''),
    async (given) => {
      const { runImageTree } = await import('./tree-run.js')
      outcome.code = await runImageTree(given.layout, given.json === true)
    },
  )
