/**
 * Which programs of this machine a test can count on: asked in one place, so that every skip gives its reason in the
 * same words.
 */
import { spawnSync } from 'node:child_process'

/** Why a test that runs `programs` has to be skipped: the first that is not in PATH; false when all are. */
export function notInstalled(...programs: string[]): string | false {
  const missing = programs.find((program) => spawnSync('sh', ['-c', 'command -v "$0"', program]).status !== 0)
  return missing === undefined ? false : `${missing} is not installed`
}
