/**
 * V8's code for a joined file, as it is after the file has begun to run: functions are compiled when they are first
 * called, so that code kept right after loading would lack most of what a start needs. The file is run in a process of
 * its own that mounts nothing: the command only checks options, the launched background process finds no mountpoint,
 * the one that a command starts and the engine's thread get no order.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

/**
 * How far a file is run: until it has checked its options or directories, until it waits for its order, or not at all.
 */
type Rehearsal = 'command' | 'launched' | 'background' | 'engine' | 'none'

/** How long what waits for an order takes to come that far, at most; if it takes longer there is less code. */
const SETTLED_MS = 250

const ARGUMENTS: Readonly<Record<Rehearsal, readonly string[]>> = {
  // As mount(8) pretends to mount.
  command: [
    'mount.fuse.stratafs',
    'none',
    '/nowhere',
    '-f',
    '-o',
    'lowerdir=/:/usr,upperdir=/tmp,workdir=/tmp,noatime',
  ],
  launched: ['launched-main.cjs', 'stratafs', '-o', 'lowerdir=/:/usr,noatime', '/dev/null/nowhere'],
  // `here`: without an engine's thread.
  background: ['background-main.cjs', '/nowhere', 'here'],
  engine: [],
  none: [],
}

/** The code for the joined file at `file`. */
export function rehearse(file: string, how: Rehearsal): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-join-'))
  try {
    const output = join(folder, 'code')
    const run = spawnSync(process.execPath, [fileURLToPath(import.meta.url), file, how, output, ...ARGUMENTS[how]], {
      encoding: 'utf8',
      // The background process answers on descriptor 3.
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, STRATAFS_RUN_DIR: folder },
      timeout: 60_000,
    })
    try {
      return readFileSync(output)
    } catch {
      throw new Error(`${file} gave no code (${run.signal ?? run.status}): ${run.stderr}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function play(file: string, how: Rehearsal, output: string): void {
  const script = new Script(readFileSync(file, 'latin1'), { filename: file })
  const keep = () => writeFileSync(output, script.createCachedData())
  if (how === 'none') return keep()
  const folder = dirname(file)
  const at = (place: string) => pathToFileURL(join(folder, place)).href
  process.on('exit', keep)
  script.runInThisContext()(createRequire(file), { exports: {} }, {}, file, folder, at)
  if (how !== 'command') setTimeout(() => process.exit(0), SETTLED_MS)
}

if (!isMainThread) play(workerData.file, 'engine', workerData.output)
else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = '', how, output = ''] = process.argv
    .splice(1, 5, ARGUMENTS[process.argv[3] as Rehearsal][0] ?? 'none')
    .slice(1)
  if (how === 'engine') new Worker(new URL(import.meta.url), { workerData: { file, output } })
  else play(file, how as Rehearsal, output)
}
