/** What `stratafs completion` does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import { packageRoot } from '../../base/package-files.js'
import { Exit } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'

/** Prints a file of this package; the exit code. */
export function printPackageFile(name: string): number {
  const path = join(packageRoot(), name)
  writeOut(read(path))
  return Exit.DONE
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new StratafsError(`${path} cannot be read (${code}): install stratafs again`)
  }
}
