/**
 * `stratafs image …`: what is done with images in an OCI layout on disk. Each subcommand has a file of its own in this
 * folder that exports one `Add`; here they are put together.
 */
import { imageDiff } from '../contents/diff.js'
import { imageLoad } from '../contents/load.js'
import { imageTreeCommand } from '../contents/tree.js'
import { imageWasteCommand } from '../contents/waste.js'
import { imageCheck } from '../explore/image-check.js'
import type { Add } from '../terminal/command.js'
import { imageCommit } from './commit.js'
import { imageExport } from './export.js'
import { imageHistory } from './history.js'
import { imageImport } from './import.js'
import { imageInspect } from './inspect.js'
import { imageList } from './list.js'
import { imageMount } from './mount.js'
import { imageRm } from './rm.js'
import { imageUnpack } from './unpack.js'

const SUBCOMMANDS: readonly Add[] = [
  imageList,
  imageHistory,
  imageInspect,
  imageDiff,
  imageTreeCommand,
  imageWasteCommand,
  imageImport,
  imageLoad,
  imageExport,
  imageUnpack,
  imageMount,
  imageCommit,
  imageRm,
  imageCheck,
]

export const imageCommand: Add = (parser, outcome) =>
  parser.command('image <command>', 'images in an OCI layout: list, unpack, mount, commit …', (command) =>
    SUBCOMMANDS.reduce((so, add) => add(so, outcome), command)
      .demandCommand(1, 'name what to do with images')
      .example('$0 image list ./images', '')
      .example('$0 image mount ./images:app /mnt/root', '')
      .strict(),
  )
