/** `stratafs image commit`: the same as `commit --image`, in the order in which docker and podman take it. */

import { commitOptions, imageOptions } from '../commands/commit.js'
import { settingsOf } from '../commands/commit-settings.js'
import type { Add } from '../terminal/command.js'

export const imageCommit: Add = (parser, outcome) =>
  parser.command(
    'commit <merged> <image>',
    'add what changed in a mount to an image, as its topmost layer',
    (command) =>
      imageOptions(
        commitOptions(
          command
            .positional('merged', { type: 'string', demandOption: true, describe: 'the directory that is mounted on' })
            .positional('image', { type: 'string', demandOption: true, describe: 'LAYOUT:TAG' }),
        ),
      ).example("$0 image commit merged ./images:app-2 --base app-1 -m 'with jq'", ''),
    async (given) => {
      const { runCommit } = await import('../commands/commit-run.js')
      outcome.code = await runCommit({ ...(await settingsOf(given)), output: undefined, image: given.image })
    },
  )
