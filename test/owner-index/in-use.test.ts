/**
 * Rows of the upper that may be old are never taken for good ones: a change right after the mount and then kill -9,
 * mounts without an index in between, changes that a full disk kept from being written.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Run, Stage } from './stage.js'

const MAIN = fileURLToPath(new URL('../../src/cli/stratafs.cjs', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'stratafs-in-use-'))
const at = (path: string): string => join(root, path)
const skip = process.getuid?.() !== 0 || !existsSync('/dev/fuse') ? 'mounts as root' : false
const environment = { ...process.env, STRATAFS_RUN_DIR: at('run'), STRATAFS_STACKS: at('stacks') }
const LAYERS = ['--lower', 'l', '--upper', 'u', '--work', 'w']

function done(...words: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], {
    encoding: 'utf8',
    cwd: root,
    env: environment,
  })
  assert.equal(status, 0, stdout + stderr)
}

/** The number of the process that serves, without asking it, which would take time. */
function daemon(): number {
  const [state] = readdirSync(at('run')).filter((name) => name.endsWith('.json'))
  return JSON.parse(readFileSync(at(`run/${state}`), 'utf8')).pid
}

async function kill(): Promise<void> {
  process.kill(daemon(), 'SIGKILL')
  execFileSync('umount', ['-l', at('m')])
  await sleep(200)
  rmSync(at('run'), { recursive: true })
  mkdirSync(at('run'), { mode: 0o700 })
}

/** Until the rows are what the layers are, as far as that comes within seconds. */
async function verified(): Promise<void> {
  const verify = (): number | null =>
    spawnSync(process.execPath, [MAIN, 'index', 'verify', 'm'], { cwd: root, env: environment }).status
  for (let i = 0; i < 4 && verify() !== 0; i++) await sleep(300)
  done('index', 'verify', 'm')
}

before(() => {
  for (const path of ['l', 'u', 'w', 'm']) mkdirSync(at(path))
  mkdirSync(at('run'), { mode: 0o700 })
  writeFileSync(at('l/a'), 'a')
})

after(() => {
  if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${at('m')} `)) spawnSync('umount', ['-l', at('m')])
  rmSync(root, { recursive: true, force: true })
})

test('a change right after the mount, and kill -9: the next mount reads the upper again', { skip }, async () => {
  done('index', 'build', ...LAYERS)
  for (let i = 0; i < 3; i++) {
    done('mount', ...LAYERS, 'm')
    writeFileSync(at(`m/new${i}`), 'new')
    await kill()
  }
  done('mount', ...LAYERS, 'm')
  await verified()
  done('unmount', 'm')
  assert.equal(existsSync(at('w/index.db.inuse')), false, 'a clean end takes the mark away')
})

test('what a mount without an index changed is read by the next one with an index', { skip }, async () => {
  done('mount', ...LAYERS, '-o', 'index=off', 'm')
  writeFileSync(at('m/without'), 'new')
  done('unmount', 'm')
  done('mount', ...LAYERS, 'm')
  await verified()
  done('unmount', 'm')
})

test('a mount that is over before its writer has opened the database leaves right rows', { skip }, async () => {
  done('mount', ...LAYERS, 'm')
  writeFileSync(at('m/short'), 'new')
  done('unmount', 'm')
  done('mount', ...LAYERS, 'm')
  await verified()
  done('unmount', 'm')
})

const NAMES = Array.from({ length: 200 }, (_, i) => `${i}-${'n'.repeat(200)}`)

/** The names that the rows of the upper tell, after the writer has read it where it had to. */
function upperRows(stage: Stage, index: string): number {
  const run = new Run(stage, { index })
  run.write()
  const rows = run.writer!.store!.db.prepare('SELECT count(*) FROM upper').pluck().get() as number
  run.close()
  return rows
}

for (const [words, room] of [
  ['there is room again', true],
  ['there is none at the end either', false],
] as const) {
  test(`changes that a full disk kept from being written are read again where ${words}`, (t) => {
    const stage = new Stage([[{ what: 'file', path: 'a', content: '' }]])
    t.after(() => stage.remove())
    const index = stage.path('work/index.db')
    upperRows(stage, index)
    const run = new Run(stage, { index })
    const { db } = run.writer!.store!
    for (const name of NAMES) writeFileSync(stage.path(`upper/${name}`), '')
    db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
    run.writer!.take({ kind: 'touched', paths: NAMES })
    assert.match(run.log.join('\n'), /cannot be written now/)
    if (room) db.pragma('max_page_count = 1000000')
    run.end()
    assert.equal(upperRows(stage, index), NAMES.length)
  })
}
