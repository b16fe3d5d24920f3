/** `stratafs mount`: layers as arguments of their own or among the options; unknown options are refused. */

import { escapePath } from '../daemon/option-split.js'
import type { OptionContext } from '../daemon/options.js'
import { currentDirectory } from './arguments.js'
import { performMount } from './perform-mount.js'

/** The command's arguments, latin1. */
export interface MountArguments {
  readonly merged: string
  readonly lowers: readonly string[]
  readonly upper: string | undefined
  readonly work: string | undefined
  readonly options: readonly string[]
  readonly foreground: boolean
  readonly trace: boolean
  readonly logFile: string | undefined
  readonly transport: string | undefined
  readonly acceptLimits: boolean
}

/** Mounts; the exit code. */
export function runMount(given: MountArguments): Promise<number> {
  const context: OptionContext = {
    strict: true,
    cwd: currentDirectory(),
    lowers: given.lowers,
    ...(given.upper === undefined ? {} : { upper: given.upper }),
    ...(given.work === undefined ? {} : { work: given.work }),
  }
  const options = [...given.options]
  if (given.logFile !== undefined) options.push(`log=${escapePath(given.logFile)}`)
  if (given.transport !== undefined) options.push(`transport=${given.transport}`)
  if (given.acceptLimits) options.push('accept_limits')
  const { merged: mountpoint, foreground, trace } = given
  return performMount({ options, context, mountpoint, foreground, trace, pretend: false })
}
