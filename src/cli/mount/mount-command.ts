/** `stratafs mount`, once its arguments are read. */
import { currentDirectory } from '../terminal/arguments.js'
import { commandRequest, type MountArguments } from './mount-request.js'
import { performMount } from './perform-mount.js'

/** Mounts; the exit code. */
export function runMount(given: MountArguments): Promise<number> {
  return performMount(commandRequest(given, currentDirectory()))
}
