/** What `stratafs image mount` does. */
import { fromText, pathBytes, shown } from '../../base/text.js'
import { type MountedImage, mountImage } from '../../library/image-mount.js'
import { wordsOfStack } from '../commands/layer-words.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { print } from '../terminal/print.js'
import { printNotes, type UnpackArguments, unpackOptions, withBar } from './unpack-run.js'

export interface ImageMountArguments extends UnpackArguments {
  readonly merged: string
  readonly upper: string | undefined
  readonly work: string | undefined
  readonly readOnly: boolean
  readonly options: readonly string[]
}

/** Mounts; the exit code. */
export async function runImageMount(given: ImageMountArguments): Promise<number> {
  const { readOnly, upper, work, options } = given
  if (readOnly && (upper ?? work) !== undefined) {
    printError('image mount: --read-only has no upper: leave --upper and --work out')
    return Exit.USAGE
  }
  const mounted = await withBar((shownAs) =>
    mountImage(pathBytes(given.image), pathBytes(given.merged), {
      ...unpackOptions(given),
      ...shownAs,
      readOnly,
      upper: upper === undefined ? undefined : pathBytes(upper),
      work: work === undefined ? undefined : pathBytes(work),
      options: options.map(shown).join(','),
    }),
  )
  if (typeof mounted === 'number') return mounted
  printNotes(mounted.layers)
  for (const warning of mounted.warnings) printError(warning)
  return given.json ? printJson(given.image, mounted) : tell(mounted)
}

function printJson(image: string, { mountpoint, pid, manifest, lower, upper }: MountedImage): number {
  const words = wordsOfStack(lower.map(fromText), upper === null ? null : fromText(upper))
  const named = words.image ?? shown(image)
  return printDocument('image mount', {
    schemaVersion: 1,
    mountpoint,
    pid,
    image: named,
    manifest,
    layers: words.every(),
  })
}

function tell({ mountpoint, upper, layers }: MountedImage): number {
  print(`${mountpoint}: ${layers.length} layers, ${upper === null ? 'read-only' : `changes in ${upper}`}`)
  return Exit.DONE
}
