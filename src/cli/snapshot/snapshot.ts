/** `stratafs snapshot …`: what a mount in use shows, kept as it is at one moment. */
import type { Add } from '../terminal/command.js'
import { last } from '../terminal/command.js'

const MERGED = { type: 'string', demandOption: true, describe: 'the directory that is mounted on' } as const
const NAME = { type: 'string', demandOption: true, describe: 'the snapshot' } as const
const JSON_TOO = { type: 'boolean', describe: 'as JSON' } as const

const create: Add = (parser, outcome) =>
  parser.command(
    'create <merged> [name]',
    'freeze the tree as it is now; programs in it go on',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', { type: 'string', describe: 'what it is called [the time]' })
        .option('message', { alias: 'm', type: 'string', requiresArg: true, describe: 'what to remember it by' })
        .option('json', JSON_TOO)
        .example('$0 snapshot create merged before-upgrade', '')
        .example("$0 snapshot create merged -m 'it still works'", ''),
    async (given) => {
      const { runSnapshotCreate } = await import('./snapshot-run.js')
      const { merged, name, message, json } = given
      outcome.code = await runSnapshotCreate(merged, name, last(message), json === true)
    },
  )

const list: Add = (parser, outcome) =>
  parser.command(
    ['list <merged>', 'ls'],
    'the snapshots of a mount, the oldest first',
    (command) => command.positional('merged', MERGED).option('json', JSON_TOO).example('$0 snapshot list merged', ''),
    async (given) => {
      const { runSnapshotList } = await import('./snapshot-run.js')
      outcome.code = runSnapshotList(given.merged, given.json === true)
    },
  )

const show: Add = (parser, outcome) =>
  parser.command(
    'show <merged> <name>',
    'when a snapshot was made, what it stands on, where it lies, how to mount it',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .option('json', JSON_TOO)
        .example('$0 snapshot show merged before-upgrade', ''),
    async (given) => {
      const { runSnapshotShow } = await import('./snapshot-run.js')
      outcome.code = runSnapshotShow(given.merged, given.name, given.json === true)
    },
  )

const diff: Add = (parser, outcome) =>
  parser.command(
    'diff <merged> <from> [to]',
    'what was added (A), changed (C) and deleted (D) since a snapshot, or between two',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('from', { type: 'string', demandOption: true, describe: 'the older snapshot' })
        .positional('to', { type: 'string', describe: 'the newer one [the present]' })
        .option('json', JSON_TOO)
        .example('$0 snapshot diff merged before-upgrade', 'what the upgrade did'),
    async (given) => {
      const { runSnapshotDiff } = await import('./snapshot-run.js')
      outcome.code = await runSnapshotDiff(given.merged, given.from, given.to, given.json === true)
    },
  )

const restore: Add = (parser, outcome) =>
  parser.command(
    'restore <merged> <name>',
    'go back to a snapshot; what was done since becomes one, too',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .option('discard', { type: 'boolean', describe: 'throw away what was done since' })
        .option('json', JSON_TOO)
        .example('$0 snapshot restore merged before-upgrade', 'open files become stale: end what has some'),
    async (given) => {
      const { runSnapshotRestore } = await import('./snapshot-run.js')
      outcome.code = await runSnapshotRestore(given.merged, given.name, given.discard === true, given.json === true)
    },
  )

const rm: Add = (parser, outcome) =>
  parser.command(
    ['rm <merged> <name>', 'remove'],
    'remove a snapshot; its layer goes into the one above it',
    (command) =>
      command
        .positional('merged', MERGED)
        .positional('name', NAME)
        .option('background', { type: 'boolean', describe: 'do not wait until its layer has gone' })
        .option('json', JSON_TOO)
        .example('$0 snapshot rm merged before-upgrade', 'the tree and the other snapshots stay what they are'),
    async (given) => {
      const { runSnapshotRm } = await import('./snapshot-run.js')
      outcome.code = await runSnapshotRm(given.merged, given.name, given.background === true, given.json === true)
    },
  )

const prune: Add = (parser, outcome) =>
  parser.command(
    'prune <merged>',
    'remove old snapshots; those that a branch or another mount stands on stay',
    (command) =>
      command
        .positional('merged', MERGED)
        .option('keep', { type: 'string', requiresArg: true, describe: 'so many of the newest stay' })
        .option('older-than', {
          type: 'string',
          requiresArg: true,
          describe: 'only those made that long ago: 12h, 30d',
        })
        .option('dry-run', { type: 'boolean', describe: 'only tell what would go' })
        .option('json', JSON_TOO)
        .example('$0 snapshot prune merged --keep 10', '')
        .example('$0 snapshot prune merged --older-than 30d --dry-run', ''),
    async (given) => {
      const { runSnapshotPrune } = await import('./prune-run.js')
      const { merged, json } = given
      const words = { keep: last(given.keep), olderThan: last(given['older-than']), dryRun: given['dry-run'] === true }
      outcome.code = await runSnapshotPrune(merged, words, json === true)
    },
  )

const SUBCOMMANDS: readonly Add[] = [create, list, show, diff, restore, rm, prune]

export const snapshotCommand: Add = (parser, outcome) =>
  parser.command('snapshot <command>', 'keep the tree of a mount in use as it is at one moment', (command) =>
    SUBCOMMANDS.reduce((so, add) => add(so, outcome), command)
      .demandCommand(1, 'name what to do with snapshots')
      .example('$0 snapshot create merged', '')
      .example('$0 snapshot list merged', '')
      .strict(),
  )
