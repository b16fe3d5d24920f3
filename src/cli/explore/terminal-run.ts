/**
 * The explorer in a terminal: keys in, a screen out, and the terminal as it was when it ends, however it ends. Plain
 * escape sequences that every terminal of the last forty years knows: the libraries for this are either left alone for
 * years or bring React.
 */
import { isatty } from 'node:tty'
import { StratafsError } from '../../base/failure.js'
import type { Explorer } from '../../explore/explorer.js'
import { LiveMount } from '../../explore/live-mount.js'
import { Exit } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { painted } from './cells.js'
import { keysIn } from './keys.js'
import { screenLines } from './screen.js'
import { TerminalState } from './terminal-state.js'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
/** How often what has changed meanwhile is looked for, in milliseconds. */
const REDRAW_MS = 200
const LEAST = { columns: 40, rows: 10 } as const

/** Shows `explorer` until q or Ctrl-C; the exit code. Throws StratafsError where there is no terminal. */
export async function runTerminal(explorer: Explorer): Promise<number> {
  if (!isatty(0) || !isatty(1))
    throw new StratafsError('--terminal needs a terminal: use --json in a pipe', 'INVALID_ARGUMENT')
  const state = new TerminalState(explorer)
  const draw = () => drawScreen(state)
  writeOut(ENTER)
  process.stdin.setRawMode(true)
  process.stdout.on('resize', draw)
  const mount = new LiveMount(explorer, () => {})
  const timer = setInterval(() => {
    mount.look()
    if (explorer.filling.version !== state.model.version || !explorer.filling.isComplete) draw()
  }, REDRAW_MS)
  try {
    draw()
    await untilEnd(state, draw)
  } finally {
    clearInterval(timer)
    mount.close()
    process.stdout.off('resize', draw)
    process.stdin.setRawMode(false)
    process.stdin.pause()
    writeOut(LEAVE)
  }
  return Exit.DONE
}

function untilEnd(state: TerminalState, draw: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
    process.stdin.setEncoding('utf8')
    process.stdin.once('end', () => resolve())
    process.stdin.on('data', (text: string) => {
      try {
        for (const key of keysIn(text)) if (!state.press(key, sizeNow().rows - 4)) return resolve()
        draw()
      } catch (error) {
        reject(error)
      }
    })
  })
}

function sizeNow(): { columns: number; rows: number } {
  const { columns = 80, rows = 24 } = process.stdout
  return { columns, rows }
}

function drawScreen(state: TerminalState): void {
  state.refresh()
  const { columns, rows } = sizeNow()
  if (columns < LEAST.columns || rows < LEAST.rows)
    return writeOut(`\x1b[H\x1b[J${`at least ${LEAST.columns} by ${LEAST.rows}`.slice(0, columns)}`)
  const { NO_COLOR, TERM } = process.env
  const colour = !NO_COLOR && TERM !== 'dumb' && TERM !== 'vt100' && TERM !== 'vt220'
  const lines = screenLines(state, columns, rows).map((line) => painted(line, colour))
  writeOut(`\x1b[H${lines.join('\r\n')}`)
}
