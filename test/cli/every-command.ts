/** Every command there is, read from the helps, and for tests over all of them a call of each that prints. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { MAIN } from '../daemon/harness.js'

/** Those of no output of their own: they print how others are used. */
const ABOUT_COMMANDS = ['help', 'completion']

export function helpOf(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words, '--help'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

/** The commands that the help of `words` lists. */
function listed(...words: string[]): string[] {
  const path = ['stratafs', ...words].join(' ')
  const section = /\nCommands:\n([\s\S]*?)\n\n/.exec(helpOf(...words))?.[1] ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith(`  ${path} `))
  return lines.map((line) => [...words, line.slice(path.length + 3).split(' ')[0]!].join(' '))
}

/** `mount`, `image list` and so on, but for `help` and `completion`. */
export function everyCommand(): string[] {
  const commands = listed().filter((command) => !ABOUT_COMMANDS.includes(command))
  return commands.flatMap((command) => {
    const inner = listed(command)
    return inner.length === 0 ? [command] : inner
  })
}
