/**
 * The commands about owners as yargs reads them: which, ls, du, and the index's own. Each is about a mount, or about
 * layers that are named with --lower and --upper and need not be mounted.
 */
import type { Argv } from 'yargs'
import { type Add, last, list } from '../terminal/command.js'
import { splitNamed } from '../terminal/named-layer.js'

const LAYER_OPTIONS = {
  lower: { type: 'string', requiresArg: true, describe: 'a lower directory, top first, or NAME=DIR; repeat it' },
  upper: { type: 'string', requiresArg: true, describe: 'the upper directory' },
} as const
const WORK = {
  type: 'string',
  requiresArg: true,
  describe: 'the workdir, where its index is; else the shared one',
} as const
const JSON_OPTION = { type: 'boolean', describe: 'as JSON' } as const

interface GivenLayers {
  readonly lower?: string | string[] | undefined
  readonly upper?: string | string[] | undefined
  readonly work?: string | string[] | undefined
}

/** The named layers, as the library takes them. */
function layersOf(given: GivenLayers): { lower: Buffer[]; names: string[]; upper?: Buffer; work?: Buffer } {
  const lowers = list(given.lower).map(splitNamed)
  const upper = last(given.upper)
  const work = last(given.work)
  return {
    lower: lowers.map(({ path }) => bytes(path)),
    names: lowers.map(({ name }) => name),
    ...(upper === undefined ? {} : { upper: bytes(upper) }),
    ...(work === undefined ? {} : { work: bytes(work) }),
  }
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}

export const whichCommand: Add = (parser, outcome) =>
  parser.command(
    'which <path..>',
    'which layer each file comes from, which others have it, and why those do not show',
    (command) =>
      command
        .positional('path', { type: 'string', array: true, demandOption: true, describe: 'files in a mount' })
        .options(LAYER_OPTIONS)
        .option('json', JSON_OPTION)
        .example('$0 which merged/etc/passwd', '')
        .example('$0 which --lower app --lower base etc/passwd', 'without a mount'),
    async (given) => {
      const { runWhich } = await import('./owner-queries.js')
      outcome.code = await runWhich(given.path, layersOf(given), given.json === true)
    },
  )

export const lsCommand: Add = (parser, outcome) =>
  parser.command(
    'ls <directory>',
    'the entries of a merged directory; with --layers, whose each is',
    (command) =>
      command
        .positional('directory', { type: 'string', demandOption: true, describe: 'a directory in a mount' })
        .option('layers', { type: 'boolean', describe: 'the owner beside each entry' })
        .options(LAYER_OPTIONS)
        .option('json', JSON_OPTION)
        .example('$0 ls --layers merged/etc', '')
        .example('$0 ls --layers --lower app --lower base /etc', 'without a mount'),
    async (given) => {
      const { runLs } = await import('./owner-queries.js')
      outcome.code = await runLs(given.directory, layersOf(given), given.layers === true, given.json === true)
    },
  )

export const duCommand: Add = (parser, outcome) =>
  parser.command(
    'du [directory]',
    'space used; with --by-layer, what each layer holds and how much of it shows',
    (command) =>
      command
        .positional('directory', { type: 'string', describe: 'a directory in a mount; of named layers, / if none' })
        .option('by-layer', { type: 'boolean', describe: 'a line for each layer' })
        .options(LAYER_OPTIONS)
        .option('json', JSON_OPTION)
        .example('$0 du --by-layer merged', '')
        .example('$0 du --by-layer --lower app --lower base', 'without a mount'),
    async (given) => {
      const { runDu } = await import('./owner-queries.js')
      outcome.code = await runDu(given.directory, layersOf(given), given['by-layer'] === true, given.json === true)
    },
  )

const ACTIONS = [
  ['build', 'read every directory of the layers into the index'],
  ['verify', 'compare the index with the layers; lists every difference, and exits 1 where there is one'],
  ['status', 'what the index holds, and how it is'],
  ['drop', 'throw the index away; a mount begins another'],
] as const

export const indexCommand: Add = (parser, outcome) =>
  parser.command('index', 'the index of owners: build, verify, status, drop', (command) =>
    ACTIONS.reduce(
      (so, [action, words]) =>
        so.command(
          `${action} [merged]`,
          words,
          (each: Argv) =>
            each
              .positional('merged', { type: 'string', describe: 'the directory that is mounted on' })
              .options(LAYER_OPTIONS)
              .option('work', WORK)
              .option('json', JSON_OPTION)
              .example(`$0 index ${action} merged`, '')
              .example(`$0 index ${action} --lower app --lower base`, 'the index that mounts over these layers share'),
          async (given) => {
            const { runIndex } = await import('./index-command.js')
            const merged = given.merged === undefined ? {} : { merged: bytes(given.merged as string) }
            outcome.code = await runIndex(action, { ...layersOf(given as GivenLayers), ...merged }, given.json === true)
          },
        ),
      command,
    )
      .demandCommand(1, 'say which: build, verify, status or drop')
      .example('$0 index build merged', 'read everything at once')
      .example('$0 index verify --lower app --lower base', 'without a mount'),
  )
