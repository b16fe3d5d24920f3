/** `stratafs store …`: the store of unpacked layers, and what mounts of images left in it. */
import { JSON_OPTION, rowFormat } from '../contents/options.js'
import { type Add, last } from '../terminal/command.js'
import { STORE } from './options.js'

const storeList: Add = (parser, outcome) =>
  parser.command(
    ['list', 'ls'],
    'its layers, with the images that have them, and uppers that mounts left',
    (command) =>
      command
        .option('store', STORE)
        .option('json', JSON_OPTION)
        .option('format', rowFormat('.Kind .Name .Path .Size .Bytes .Changed .ChangedAt .Used .Images'))
        .example('$0 store list', '')
        .example("$0 store list --format '{{.Kind}} {{.Path}}'", ''),
    async (given) => {
      const { runStoreList } = await import('./store-run.js')
      outcome.code = runStoreList(last(given.store), given.json === true, last(given.format))
    },
  )

const storePrune: Add = (parser, outcome) =>
  parser.command(
    'prune',
    'remove layers that no image has, and uppers that no mount uses, with the changes in them; asks first',
    (command) =>
      command
        .option('store', STORE)
        .option('dry-run', { type: 'boolean', describe: 'only tell what would go' })
        .option('force', { alias: 'f', type: 'boolean', describe: 'do not ask' })
        .option('json', JSON_OPTION)
        .example('$0 store prune --dry-run', '')
        .example('$0 store prune --force', 'in a script'),
    async (given) => {
      const { runStorePrune } = await import('./store-run.js')
      outcome.code = await runStorePrune({
        store: last(given.store),
        dryRun: given['dry-run'] === true,
        force: given.force === true,
        json: given.json === true,
      })
    },
  )

export const storeCommand: Add = (parser, outcome) =>
  parser.command('store <command>', 'unpacked layers, and what mounts of images left: list, prune', (command) =>
    [storeList, storePrune]
      .reduce((so, add) => add(so, outcome), command)
      .demandCommand(1, 'say which: list or prune')
      .example('$0 store list', '')
      .example('$0 store prune --dry-run', '')
      .strict(),
  )
