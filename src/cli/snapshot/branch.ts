/** `stratafs branch …`: further mounts that begin as a snapshot of one. */
import type { Add } from '../terminal/command.js'
import { last } from '../terminal/command.js'

const MERGED = { type: 'string', demandOption: true, describe: 'the directory that is mounted on' } as const
const NAME = { type: 'string', demandOption: true, describe: 'the branch' } as const
const DIRECTORY = { type: 'string', demandOption: true, describe: 'where it is mounted: an empty directory' } as const
const JSON_TOO = { type: 'boolean', describe: 'as JSON' } as const

const create: Add = (parser, outcome) =>
  parser.command(
    'create <merged> <name> <directory>',
    'mount the tree once more as it is now, with an upper of its own',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .positional('directory', DIRECTORY)
        .option('from', {
          type: 'string',
          requiresArg: true,
          describe: 'the snapshot that it begins as [the one called NAME, else one made now]',
        })
        .option('json', JSON_TOO)
        .example('$0 branch create merged try /mnt/try', '')
        .example('$0 branch create merged second /mnt/second --from before-upgrade', ''),
    async (given) => {
      const { runBranchCreate } = await import('./branch-run.js')
      const { merged, name, directory, from, json } = given
      outcome.code = await runBranchCreate(merged, name, directory, last(from), json === true)
    },
  )

const list: Add = (parser, outcome) =>
  parser.command(
    ['list <merged>', 'ls'],
    'the branches of a mount, the oldest first',
    (command) => command.positional('merged', MERGED).option('json', JSON_TOO).example('$0 branch list merged', ''),
    async (given) => {
      const { runBranchList } = await import('./branch-run.js')
      outcome.code = runBranchList(given.merged, given.json === true)
    },
  )

const mount: Add = (parser, outcome) =>
  parser.command(
    'mount <merged> <name> <directory>',
    'mount a branch again that was unmounted',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .positional('directory', DIRECTORY)
        .option('json', JSON_TOO)
        .example('$0 branch mount merged try /mnt/try', ''),
    async (given) => {
      const { runBranchMount } = await import('./branch-run.js')
      outcome.code = await runBranchMount(given.merged, given.name, given.directory, given.json === true)
    },
  )

const merge: Add = (parser, outcome) =>
  parser.command(
    'merge <merged> <name>',
    'apply what was changed in a branch to the mount that it branches off',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .option('ours', {
          type: 'boolean',
          conflicts: 'theirs',
          describe: 'of what both have changed the mount’s stays',
        })
        .option('theirs', { type: 'boolean', describe: 'of what both have changed the branch’s comes' })
        .option('dry-run', { type: 'boolean', describe: 'only tell what would be done' })
        .option('json', JSON_TOO)
        .example('$0 branch merge merged try', 'refused, with nothing done, where both have changed something')
        .example('$0 branch merge merged try --theirs', ''),
    async (given) => {
      const { runBranchMerge } = await import('./branch-run.js')
      const side = given.ours === true ? 'ours' : given.theirs === true ? 'theirs' : undefined
      const { merged, name, json } = given
      outcome.code = await runBranchMerge(merged, name, { side, dryRun: given['dry-run'] === true }, json === true)
    },
  )

const rm: Add = (parser, outcome) =>
  parser.command(
    ['rm <merged> <name>', 'remove'],
    'unmount a branch, and throw away what was changed in it',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .option('json', JSON_TOO)
        .example('$0 branch rm merged try', ''),
    async (given) => {
      const { runBranchRm } = await import('./branch-run.js')
      outcome.code = await runBranchRm(given.merged, given.name, given.json === true)
    },
  )

const SUBCOMMANDS: readonly Add[] = [create, list, mount, merge, rm]

export const branchCommand: Add = (parser, outcome) =>
  parser.command('branch <command>', 'mounts that begin as a snapshot of another, to try something in', (command) =>
    SUBCOMMANDS.reduce((so, add) => add(so, outcome), command)
      .demandCommand(1, 'name what to do with branches')
      .example('$0 branch create merged try /mnt/try', '')
      .example('$0 branch merge merged try', '')
      .strict(),
  )
