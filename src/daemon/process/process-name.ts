/**
 * What `ps` and `top` say of a process that serves a mount: `stratafs` with the arguments it was called with, and not
 * the runtime that it is written for. Where a thread has a name of its own, it keeps that.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

const NAME = 'stratafs'

/** The first names of Node's threads: those of the older ones, and of the newer ones. */
const NODE = /^(node|MainThread)/

/**
 * Names this process and its threads. It takes a few milliseconds, and the command line can be read no more, so it is
 * called once the mount stands.
 */
export function nameProcess(): void {
  process.title = calledAs(process.argv)
  for (const thread of readdirSync('/proc/self/task')) nameThread(thread)
}

/** As it was called, `argv` being that of Node: the launcher hands its own name on as the first argument. */
function calledAs(argv: readonly string[]): string {
  const [, script = '', ...words] = argv
  const args = basename(script).startsWith('launched-main') ? words.slice(1) : words
  return [NAME, ...args].join(' ')
}

function nameThread(thread: string): void {
  const path = `/proc/self/task/${thread}/comm`
  try {
    if (Number(thread) === process.pid || NODE.test(readFileSync(path, 'latin1'))) writeFileSync(path, NAME)
  } catch {
    // It has ended.
  }
}
