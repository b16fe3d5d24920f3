/** `stratafs layer …`: lower layers put on top of a mount in use, taken out, or replaced. */
import type { Add } from '../terminal/command.js'

const MERGED = { type: 'string', demandOption: true, describe: 'the directory that is mounted on' } as const
const JSON_TOO = { type: 'boolean', describe: 'as JSON' } as const
const LAYER = 'its path, or its name as `which` tells it'

const add: Add = (parser, outcome) =>
  parser.command(
    'add <merged> <directories..>',
    'put layers on top of the lower ones, the first of them topmost',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('directories', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'a layer, or NAME=DIR to tell it by that name',
        })
        .option('json', JSON_TOO)
        .example('$0 layer add merged /layers/debug-tools', 'what it has shows at once')
        .example('$0 layer add merged fix=/layers/hotfix', ''),
    async (given) => {
      const { runLayerAdd } = await import('./layer-run.js')
      outcome.code = await runLayerAdd(given.merged, given.directories, given.json === true)
    },
  )

const remove: Add = (parser, outcome) =>
  parser.command(
    ['remove <merged> <layers..>', 'rm'],
    'take lower layers out; refused where an open file needs one',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('layers', { type: 'string', array: true, demandOption: true, describe: LAYER })
        .option('json', JSON_TOO)
        .example('$0 layer remove merged /layers/debug-tools', '')
        .example('$0 layer remove merged fix', ''),
    async (given) => {
      const { runLayerRemove } = await import('./layer-run.js')
      outcome.code = await runLayerRemove(given.merged, given.layers, given.json === true)
    },
  )

const replace: Add = (parser, outcome) =>
  parser.command(
    'replace <merged> <layer> <directory>',
    'put another directory in the place of a lower layer, in one step',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('layer', { type: 'string', demandOption: true, describe: LAYER })
        .positional('directory', { type: 'string', demandOption: true, describe: 'the new one, or NAME=DIR' })
        .option('json', JSON_TOO)
        .example('$0 layer replace merged /layers/app-1 /layers/app-2', 'a new version under a running system'),
    async (given) => {
      const { runLayerReplace } = await import('./layer-run.js')
      outcome.code = await runLayerReplace(given.merged, given.layer, given.directory, given.json === true)
    },
  )

const SUBCOMMANDS: readonly Add[] = [add, remove, replace]

export const layerCommand: Add = (parser, outcome) =>
  parser.command('layer <command>', 'change the lower layers of a mount in use', (command) =>
    SUBCOMMANDS.reduce((so, each) => each(so, outcome), command)
      .demandCommand(1, 'name what to do with layers')
      .example('$0 layer add merged /layers/debug-tools', '')
      .example('$0 layer remove merged /layers/debug-tools', '')
      .strict(),
  )
