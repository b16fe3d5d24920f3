/**
 * Snapshots made and removed while a program acts in step with a model, and the mount's server is killed: `node
 * snapshotting.js MERGED MODEL SEED STOPFILE LAUNCHER WORKDIR`. Ends as the program does; 1 also where a snapshot has
 * changed since it was made, or a command failed for another reason than that nobody was there to carry it out.
 */
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const [merged, model, seed, stop, launcher, work] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]

/** A process that dies meanwhile answers nothing; another command, or the last one, is in the way. */
const EXCUSED = new RegExp(
  'ended|no answer|closed|not answer|not reached|ECONN|EPIPE|is not mounted|not finished|still being|busy|another|' +
    'without a pause|held still|does not exist|no mount',
  'i',
)
const KEPT = 4
const BETWEEN_MS = 150

interface Listed {
  readonly id: number
  readonly name: string
}

function run(...words: string[]): string | null {
  const { status, stdout, stderr } = spawnSync(launcher, words, { encoding: 'utf8', timeout: 60_000 })
  if (status === 0) return stdout
  if (!EXCUSED.test(stderr)) throw new Error(`${words.join(' ')}: ${stderr}${stdout}`)
  return null
}

/** Names, sizes, modes and content of what the snapshot `id` holds, a line each; null: it has gone. */
function sumOf(id: number): string | null {
  const all =
    'cd "$1" && find . ! -type f -printf "%p %m %y\\n" && find . -type f -printf "%p %m %s " -exec cksum "{}" ";" | sort'
  const at = join(work, 'snapshots', String(id))
  const { status, stdout } = spawnSync('sh', ['-c', all, 'sh', at], { encoding: 'utf8', maxBuffer: 1 << 26 })
  return status === 0 ? stdout : null
}

/** Lines that are in one alone. */
function difference(before: string, after: string): string {
  const [a, b] = [before.split('\n'), after.split('\n')]
  return [...a.filter((line) => !b.includes(line)), 'and then', ...b.filter((line) => !a.includes(line))].join('\n')
}

function listed(): readonly Listed[] {
  const path = join(work, 'snapshots/snapshots.json')
  if (!fs.existsSync(path)) return []
  const { snapshots } = JSON.parse(fs.readFileSync(path, 'utf8')) as { snapshots: (Listed & { removed?: string })[] }
  return snapshots.filter(({ removed }) => removed === undefined)
}

const program = spawn(
  process.execPath,
  [fileURLToPath(new URL('./model.js', import.meta.url)), merged, model, seed, stop],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
let said = ''
program.stdout.on('data', (bytes) => (said += String(bytes)))
const ended = new Promise<number | null>((resolve) => program.once('close', resolve))
/** Of the newest: what one below it shows may go into it. */
let last: { readonly id: number; readonly sum: string } | null = null
let made = 0

/** Another one, held against what it is a moment later: whoever has a file of it open writes in the present. */
async function turn(): Promise<void> {
  if (run('snapshot', 'create', merged) !== null) made++
  const newest = listed().at(-1)
  const sum = newest === undefined ? null : sumOf(newest.id)
  if (last !== null && last.id === newest?.id && sum !== null && sum !== last.sum)
    throw new Error(`snapshot ${last.id} was ${difference(last.sum, sum)}`)
  last = newest === undefined || sum === null ? null : { id: newest.id, sum }
  await sleep(BETWEEN_MS)
  const again = last === null ? null : sumOf(last.id)
  if (last !== null && again !== last.sum)
    throw new Error(`snapshot ${last.id} was ${difference(last.sum, again ?? '')}`)
  const all = listed()
  if (all.length > KEPT) run('snapshot', 'rm', merged, all[made % (all.length - 2)]!.name)
}

try {
  while (!fs.existsSync(stop) && program.exitCode === null) await turn()
} catch (error) {
  program.kill('SIGKILL')
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
}
const code = await ended
process.stdout.write(`${said.trim()}, ${made} snapshots\n`)
process.exit(code ?? 1)
