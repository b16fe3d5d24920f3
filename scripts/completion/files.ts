/** Every completion script by its file, below completions/: the name of its shell. */
import { bashCompletion } from './bash.js'
import { fishCompletion } from './fish.js'
import { zshCompletion } from './zsh.js'

export function completionFiles(): Map<string, string> {
  return new Map([
    ['bash', bashCompletion()],
    ['zsh', zshCompletion()],
    ['fish', fishCompletion()],
  ])
}
