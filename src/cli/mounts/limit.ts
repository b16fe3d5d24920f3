/** `stratafs limit`: what the upper of a mount may take up, and does. */
import type { Add } from '../terminal/command.js'
import { last } from '../terminal/command.js'

export const limitCommand: Add = (parser, outcome) =>
  parser.command(
    'limit <merged>',
    'what the upper may take up, and does; changes it while the mount is used',
    (command) =>
      command
        .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
        .option('size', { type: 'string', requiresArg: true, describe: 'bytes, or 10G, 512m; 0: no limit' })
        .option('inodes', { type: 'string', requiresArg: true, describe: 'files and directories; 0: no limit' })
        .option('recount', { type: 'boolean', describe: 'count the upper anew, beside the mount' })
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .example('$0 limit merged', '')
        .example('$0 limit merged --size 20G --inodes 100000', 'from now on'),
    async (given) => {
      const { runLimit } = await import('./limit-run.js')
      outcome.code = await runLimit({
        merged: given.merged,
        size: last(given.size),
        inodes: last(given.inodes),
        recount: given.recount === true,
        json: given.json === true,
      })
    },
  )
