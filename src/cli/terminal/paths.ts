/** How commands read what people give them as paths: from the current directory, as bytes. */
import { currentDirectory } from './arguments.js'

/** `path` (latin1) from the current directory. */
export function absolutePath(path: string): string {
  return path.startsWith('/') ? path : `${currentDirectory()}/${path}`
}

/** Whether the name of an archive means the pipe. */
export function isStandardInput(path: string): boolean {
  return path === '-' || path === '/dev/stdin'
}
