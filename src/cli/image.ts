/**
 * `stratafs image …`: what is done with images in an OCI layout on disk. Each subcommand has a file of its own,
 * image-NAME.ts, that exports one `Add`; here they are put together.
 */
import type { Add } from './command.js'
import { imageCommit } from './image-commit.js'
import { imageExport } from './image-export.js'
import { imageHistory } from './image-history.js'
import { imageImport } from './image-import.js'
import { imageInspect } from './image-inspect.js'
import { imageList } from './image-list.js'
import { imageMount } from './image-mount.js'
import { imageRm } from './image-rm.js'
import { imageUnpack } from './image-unpack.js'

const SUBCOMMANDS: readonly Add[] = [
  imageList,
  imageHistory,
  imageInspect,
  imageImport,
  imageExport,
  imageUnpack,
  imageMount,
  imageCommit,
  imageRm,
]

export const imageCommand: Add = (parser, outcome) =>
  parser.command('image <command>', 'images in an OCI layout: list, unpack, mount, commit …', (command) =>
    SUBCOMMANDS.reduce((so, add) => add(so, outcome), command)
      .demandCommand(1, 'name what to do with images')
      .strict(),
  )
