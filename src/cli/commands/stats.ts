/** `stratafs stats`: what mounts have done so far. */
import type { Add } from '../terminal/command.js'

export const statsCommand: Add = (parser, outcome) =>
  parser.command(
    'stats [merged]',
    'counters: requests by kind, copy-ups, memory',
    (command) =>
      command
        .positional('merged', { type: 'string', describe: 'the directory that is mounted on' })
        .option('all', { type: 'boolean', describe: 'every mount of yours' })
        .option('json', { type: 'boolean', describe: 'as JSON' })
        .option('prometheus', { type: 'boolean', describe: 'as Prometheus reads it' })
        .example('$0 stats merged', '')
        .example('$0 stats --all --prometheus', 'for the textfile collector of node_exporter'),
    async (given) => {
      const { runStats } = await import('./stats-run.js')
      const { merged, all, json, prometheus } = given
      outcome.code = await runStats({
        merged,
        all: all === true,
        json: json === true,
        prometheus: prometheus === true,
      })
    },
  )
