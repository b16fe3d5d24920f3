/** `stratafs commit`: the upper directory becomes a layer. */
import type { Argv } from 'yargs'
import { type Add, last } from '../terminal/command.js'
import { settingsOf } from './commit-settings.js'
import { sourceOptions } from './diff.js'

/** What a layer is made of and how it is written; the same for `commit` and `image commit`. */
export function commitOptions<T>(command: Argv<T>) {
  return sourceOptions(command)
    .option('compression', {
      choices: ['none', 'gzip', 'zstd'] as const,
      requiresArg: true,
      describe: 'how it is compressed [as the file’s name ends; in an image gzip]',
    })
    .option('level', { type: 'string', requiresArg: true, describe: 'how hard: gzip 0 to 9, zstd 1 to 22' })
    .option('timestamp', {
      type: 'string',
      requiresArg: true,
      describe: 'no later time in it, in seconds since 1970 or as a date: the same tree gives the same bytes',
    })
    .option('squash', { type: 'boolean', describe: 'everything the merged tree shows, as one layer' })
    .option('snapshot', { type: 'string', requiresArg: true, describe: 'what the mount was when this one was made' })
    .option('live', { type: 'boolean', describe: 'do not hold the mount still meanwhile' })
    .option('dry-run', { type: 'boolean', describe: 'only tell what would be in it, and how large' })
    .option('depth', { type: 'string', requiresArg: true, describe: 'with --dry-run: directories so deep [2]' })
    .option('json', { type: 'boolean', describe: 'what came of it, as JSON' })
}

/** What goes with an image. */
export function imageOptions<T>(command: Argv<T>) {
  return command
    .option('base', {
      type: 'string',
      requiresArg: true,
      describe: 'tag of the image it is put upon, or none [the one that has the tag]',
    })
    .option('author', { alias: 'a', type: 'string', requiresArg: true, describe: 'who made it' })
    .option('message', { alias: 'm', type: 'string', requiresArg: true, describe: 'a comment, for the history' })
    .option('change', {
      type: 'string',
      requiresArg: true,
      describe: 'a Dockerfile line for its configuration, CMD, ENTRYPOINT, ENV, USER …; repeat it',
    })
    .option('created-by', { type: 'string', requiresArg: true, describe: 'the command, for the history' })
}

export const commitCommand: Add = (parser, outcome) =>
  parser.command(
    'commit [merged]',
    'write the changes as an OCI layer: a tar, or an image’s topmost',
    (command) =>
      imageOptions(
        commitOptions(command.positional('merged', { type: 'string', describe: 'the directory that is mounted on' })),
      )
        .option('output', { type: 'string', requiresArg: true, describe: 'layer.tar[.gz|.zst]; - is standard output' })
        .option('image', { type: 'string', requiresArg: true, describe: 'LAYOUT:TAG, an image in an OCI layout' })
        .example('$0 commit merged --output layer.tar.zst', '')
        .example("$0 commit merged --image images:app-2 --base app-1 -m 'with jq'", 'skopeo copy oci:images:app-2 …')
        .example('$0 commit merged --dry-run', 'how large, by directory'),
    async (given) => {
      const { runCommit } = await import('./commit-run.js')
      outcome.code = await runCommit({
        ...(await settingsOf(given)),
        output: last(given.output),
        image: last(given.image),
      })
    },
  )
