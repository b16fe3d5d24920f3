/** The names in a directory, for whoever has nothing to do where there is none. */
import { readdirSync } from 'node:fs'
import { pathBytes } from './text.js'

/** Latin1; none where `directory` cannot be read. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(pathBytes(directory), 'latin1')
  } catch {
    return []
  }
}
