/** What `stratafs image mount` does. */
import { pathBytes, shown } from '../../base/text.js'
import { type MountedImage, mountImage } from '../../library/image-mount.js'
import { Exit, printError } from '../terminal/errors.js'
import { print, printJson } from '../terminal/print.js'
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
  return tell(given.json, mounted)
}

function tell(json: boolean, { mountpoint, pid, manifest, lower, upper, layers }: MountedImage): number {
  if (json) return printJson({ merged: mountpoint, pid, manifest, lower, upper })
  print(`${mountpoint}: ${layers.length} layers, ${upper === null ? 'read-only' : `changes in ${upper}`}`)
  return Exit.DONE
}
