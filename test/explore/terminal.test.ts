/**
 * The explorer in a terminal of 80 by 24 without colour, through a pty, with dive's keys; what the terminal shows is
 * read back as a terminal would have it. And its lines fit every size.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fitted } from '../../src/cli/explore/cells.js'
import { keysIn } from '../../src/cli/explore/keys.js'
import { screenLines } from '../../src/cli/explore/screen.js'
import { TerminalState } from '../../src/cli/explore/terminal-state.js'
import { Explorer } from '../../src/explore/explorer.js'
import { MAIN } from '../daemon/harness.js'
import { notInstalled } from '../tools/installed.js'
import { makeLayout } from './images.js'

/** Runs a program on a pty: waits for each word, then sends keys, or a new size; prints screens as JSON lines. */
const PTY = `
import codecs, fcntl, json, os, pty, re, select, signal, struct, sys, termios, time
steps = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
def size(columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
size(80, 24)
text = ''
decoder = codecs.getincrementaldecoder('utf8')()
def read(until):
    global text
    end = time.time() + 25
    while time.time() < end:
        if re.search(until, re.sub(r'\\x1b\\[[0-9;?]*[A-Za-z]', '', text.split('\\x1b[H')[-1]), re.S): return True
        if select.select([fd], [], [], 0.1)[0]:
            try: piece = os.read(fd, 65536)
            except OSError: return False
            if not piece: return False
            text += decoder.decode(piece)
    return False
for until, keys in steps:
    if not read(until):
        print(json.dumps({'missing': until, 'screen': text.split('\\x1b[H')[-1]})); os.kill(pid, signal.SIGKILL); sys.exit(1)
    print(json.dumps({'screen': text.split('\\x1b[H')[-1]}))
    if isinstance(keys, list): size(*keys)
    else: os.write(fd, keys.encode())
read('never to be seen')
print(json.dumps({'status': os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 'rest': text}))
`

type Step = readonly [until: string, keys: string | readonly [columns: number, rows: number]]

let folder = ''
let image = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-terminal-'))
  image = `${makeLayout(join(folder, 'layout'))}:app`
})
after(() => rmSync(folder, { recursive: true, force: true }))

interface Played {
  readonly screens: string[]
  readonly status: number
  readonly rest: string
}

function play(steps: readonly Step[]): Played {
  const env = { ...process.env, TERM: 'vt100', NO_COLOR: '1' }
  const words = ['-c', PTY, JSON.stringify(steps), process.execPath, MAIN, 'explore', image, '--terminal']
  const { stdout, stderr } = spawnSync('python3', words, { encoding: 'utf8', env, timeout: 120_000 })
  const told = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const end = told.pop()
  assert.equal(end?.missing, undefined, `${end?.missing} is not on: ${end?.screen} ${stderr}`)
  return { screens: told.map(({ screen }) => screen as string), ...end }
}

test('folds, filters, follows a file, lists waste, and leaves the terminal as it was', {
  skip: notInstalled('python3'),
}, () => {
  const { screens, status, rest } = play([
    ['in 3 layers, 395 kB wasted', '\t'],
    ['● Files up to layer 3', '\x1b[B\x1b[B '],
    ['>~ +3 +\\S+ \\S+ ▾ etc/.*- +1 +0 B +motd +\\[deleted by 3\\]', '\x12'],
    ['without D', '\x12\x15'],
    ['without U', '\x15'],
    ['● Files up to layer 3 ', '/conf\r'],
    [' /etc/conf', 'v'],
    ['layer 2/3 +shows.*layer 1/3 +replaced by layer 2/3', 'q'],
    ['● Files', 'w'],
    ['Wasted 395 kB of.*300 kB +/opt/big.bin +\\(deleted, layer 3/3\\)', 'w'],
    ['● Files', [60, 15]],
    ['^(?:(?!Layers).)*● Files', '\t'],
    ['● Layers', '\x1b[A'],
    ['>2/3', '\x03'],
  ])
  assert.equal(status, 0)
  assert.ok(rest.endsWith('\x1b[?25h\x1b[?1049l'), 'the cursor and the screen are back')
  // Without colour: turned around and bold at most.
  const coloured = /.\[(?:[2-689]|[3-9]\d)m/s
  for (const screen of screens) assert.doesNotMatch(screen, coloured)
  assert.match(screens[3]!, /▾ etc\//, 'what was open stays so')
  assert.doesNotMatch(screens[3]!, /motd +\[deleted/)
})

test('every line is as wide as the terminal, whatever its size', async () => {
  const explorer = await Explorer.open({ name: image })
  try {
    await explorer.filling.done
    for (const [columns, rows] of [
      [40, 10],
      [80, 24],
      [200, 60],
    ] as const)
      for (const keys of ['', '\t', '\t \x1b[B ', 'w', '?', '/x']) {
        const state = new TerminalState(explorer)
        for (const key of keysIn(keys)) state.press(key, 10)
        const lines = screenLines(state, columns, rows)
        assert.equal(lines.length, rows)
        for (const line of lines) {
          const text = line.map((cell) => cell.text).join('')
          assert.equal([...text].length, columns, `${columns}x${rows} ${JSON.stringify(keys)}: ${text}`)
        }
      }
  } finally {
    await explorer.close()
  }
})

test('keys and columns', () => {
  assert.deepEqual(keysIn('\x1b[A\x1bOBx\t\r\x01\0\x1b[200~é\x1b'), [
    ...['up', 'down', 'x', 'tab', 'ctrl-m', 'ctrl-a', 'ctrl-space', 'é', 'escape'],
  ])
  assert.equal(fitted('漢字kanji', 5), '漢字…')
  assert.equal(fitted('漢字kanji', 4), '漢… ')
  assert.equal(fitted('/usr/lib/long', 8, 'start'), '…ib/long')
  assert.equal(fitted('a\x1b[2J\n', 40).includes('\x1b'), false)
})

test('without a terminal it says what to do', () => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'explore', image, '--terminal'], { encoding: 'utf8' })
  assert.deepEqual([status, stderr], [1, 'stratafs: --terminal needs a terminal: use --json in a pipe\n'])
})
