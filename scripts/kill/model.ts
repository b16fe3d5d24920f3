/**
 * A program that does the same at random in two directories, one in a mount and one beside it, and compares what each
 * act says and shows: `node model.js MERGED MODEL SEED STOPFILE`. It ends when the stop file is there: 0, or 1 with the
 * difference on standard error. Whatever the mount's server goes through meanwhile must not be seen here.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'

const [merged, model, seedText, stop] = process.argv.slice(2) as [string, string, string, string]

let state = Number(seedText) >>> 0 || 1
function random(below: number): number {
  state ^= state << 13
  state >>>= 0
  state ^= state >>> 17
  state ^= state << 5
  state >>>= 0
  return state % below
}

const NAMES = Array.from({ length: 9 }, (_, i) => `n${i}`)
const DIRECTORIES = ['.', 'd0', 'd1', 'd1/e', 'low', 'low/sub']

const place = (): string => join(DIRECTORIES[random(DIRECTORIES.length)]!, NAMES[random(NAMES.length)]!)
const directory = (): string => DIRECTORIES[1 + random(DIRECTORIES.length - 1)]!

/** What one act comes to: its error's code, or what it returned. */
type Outcome = string

function outcome(act: () => unknown): Outcome {
  try {
    const value = act()
    return value === undefined ? 'done' : JSON.stringify(value)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

/** Files held open, some without a name: descriptors in both. */
const held: [number, number][] = []

type Act = (root: string) => unknown

function shownStat(path: string): unknown {
  const { mode, size, uid, nlink } = fs.lstatSync(path)
  return (mode & 0o170000) === 0o040000 ? { mode, uid } : { mode, size, uid, nlink }
}

function writeAt(path: string, text: string, at: number): void {
  const fd = fs.openSync(path, 'r+')
  try {
    fs.writeSync(fd, text, at)
  } finally {
    fs.closeSync(fd)
  }
}

const text = (): string => String.fromCharCode(97 + random(26)).repeat(1 + random(5000))

/** One act, drawn once and done twice. */
function draw(): { readonly words: string; readonly act: Act } {
  const [a, b] = [place(), place()]
  const content = text()
  const at = random(20_000)
  const mode = 0o600 + random(0o200)
  const dir = directory()
  const kinds: Record<string, Act> = {
    write: (root) => fs.writeFileSync(join(root, a), content),
    exclusive: (root) => fs.writeFileSync(join(root, a), content, { flag: 'wx' }),
    append: (root) => fs.appendFileSync(join(root, a), content),
    'write at': (root) => writeAt(join(root, a), content, at),
    truncate: (root) => fs.truncateSync(join(root, a), at),
    read: (root) => fs.readFileSync(join(root, a), 'latin1'),
    'read again': (root) => fs.readFileSync(join(root, b), 'latin1'),
    stat: (root) => shownStat(join(root, a)),
    unlink: (root) => fs.unlinkSync(join(root, a)),
    rename: (root) => fs.renameSync(join(root, a), join(root, b)),
    link: (root) => fs.linkSync(join(root, a), join(root, b)),
    symlink: (root) => fs.symlinkSync(content.slice(0, 40), join(root, a)),
    readlink: (root) => fs.readlinkSync(join(root, a)),
    chmod: (root) => fs.chmodSync(join(root, a), mode),
    utimes: (root) => fs.utimesSync(join(root, a), at, at),
    mkdir: (root) => fs.mkdirSync(join(root, a)),
    rmdir: (root) => fs.rmdirSync(join(root, a)),
    'make directory': (root) => fs.mkdirSync(join(root, dir)),
    'remove directory': (root) => fs.rmdirSync(join(root, dir)),
    'rename directory': (root) => fs.renameSync(join(root, dir), join(root, b)),
    list: (root) => fs.readdirSync(join(root, dir)).sort(),
    'list the root': (root) => fs.readdirSync(root).sort(),
  }
  const words = Object.keys(kinds)[random(Object.keys(kinds).length)]!
  return { words: `${words} ${a} ${b} ${dir} ${at}`, act: kinds[words]! }
}

/** Opens a file in both and holds it; every other one loses its name at once. */
function hold(): string | null {
  const name = place()
  const open = (root: string) => {
    try {
      return fs.openSync(join(root, name), 'r+')
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? '?'
    }
  }
  const [a, b] = [open(merged), open(model)]
  if (typeof a === 'number' && typeof b === 'number') {
    held.push([a, b])
    if (random(2) === 0) return compare(`unlink of ${name}, which is open`, (root) => fs.unlinkSync(join(root, name)))
    return null
  }
  if (typeof a === 'number') fs.closeSync(a)
  if (typeof b === 'number') fs.closeSync(b)
  return typeof a === typeof b && a === b ? null : `open ${name}: ${a} here, ${b} in the model`
}

/** Reads and writes through one that is held. */
function useHeld(): string | null {
  if (held.length === 0) return null
  const at = random(held.length)
  const pair = held[at]!
  const content = text()
  const offset = random(9000)
  const use = (fd: number) => {
    fs.writeSync(fd, content, offset)
    const buffer = Buffer.alloc(30_000)
    const got = fs.readSync(fd, buffer, 0, buffer.length, 0)
    const { size, nlink } = fs.fstatSync(fd)
    return [buffer.toString('latin1', 0, got), size, nlink]
  }
  const [here, there] = pair.map((fd) => outcome(() => use(fd)))
  if (held.length > 12 || random(4) === 0) {
    for (const fd of pair) fs.closeSync(fd)
    held.splice(at, 1)
  }
  return here === there
    ? null
    : `an open file: ${shownHeld(here!, there!)} here, ${shownHeld(there!, here!)} in the model`
}

/** Where the content begins to differ, what is there, and the numbers behind it. */
function shownHeld(here: Outcome, there: Outcome): string {
  const at = [...here].findIndex((letter, i) => letter !== there[i])
  return `at ${at} ${here.slice(at, at + 20)}… ${here.slice(here.lastIndexOf('"') + 1)} (${here.length})`
}

const short = (outcome: string): string => (outcome.length > 120 ? `${outcome.slice(0, 120)}…` : outcome)

/** A mount of several users with user.overlay.* marks moves no lower directory: then nothing is done in the model. */
const movesAll = process.env.KILL_EXDEV === undefined

function compare(words: string, act: Act): string | null {
  const here = outcome(() => act(merged))
  if (here === 'EXDEV' && !movesAll) return null
  const there = outcome(() => act(model))
  return here === there ? null : `${words}: ${short(here)} here, ${short(there)} in the model`
}

function step(): string | null {
  const which = random(12)
  if (which === 0) return hold()
  if (which < 3) return useHeld()
  const { words, act } = draw()
  return compare(words, act)
}

let steps = 0
for (; !fs.existsSync(stop); steps++) {
  const difference = step()
  if (difference === null) continue
  process.stderr.write(`after ${steps} acts: ${difference}\n`)
  process.exit(1)
}
process.stdout.write(`${steps} acts\n`)
