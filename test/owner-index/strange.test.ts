/**
 * What is no regular file in the place of the database or beside it: nobody waits for it, nothing is read from it or
 * written to it, and the mount works.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/stratafs.cjs', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'stratafs-strange-'))
const at = (path: string): string => join(root, path)
const skip = process.getuid?.() !== 0 || !existsSync('/dev/fuse') ? 'mounts as root' : false
const environment = { ...process.env, STRATAFS_RUN_DIR: at('run'), STRATAFS_STACKS: at('stacks') }
const LAYERS = ['--lower', 'l', '--upper', 'u', '--work', 'w']
/** Under load; who waits for a FIFO waits for ever. */
const PATIENCE_MS = 15_000

function ask(...words: string[]): { status: number | null; text: string } {
  const options = { encoding: 'utf8', cwd: root, env: environment, timeout: PATIENCE_MS } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words], options)
  return { status, text: stdout + stderr }
}

function done(...words: string[]): void {
  const { status, text } = ask(...words)
  assert.equal(status, 0, `${words}: ${text}`)
}

const STRANGE: Record<string, (path: string) => void> = {
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a symbolic link to a device': (path) => void execFileSync('ln', ['-s', '/dev/zero', path]),
  'a symbolic link to nothing': (path) => void execFileSync('ln', ['-s', at('u/planted'), path]),
}

const isRegular = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true

before(() => {
  for (const path of ['l', 'u', 'm', 'stacks']) mkdirSync(at(path))
  mkdirSync(at('run'), { mode: 0o700 })
  writeFileSync(at('l/a'), 'a')
})

after(() => {
  if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${at('m')} `)) spawnSync('umount', ['-l', at('m')])
  rmSync(root, { recursive: true, force: true })
})

/** Mounts, until the database is one; then the mount ends well. */
async function mounted(): Promise<void> {
  done('mount', ...LAYERS, 'm')
  assert.equal(readFileSync(at('m/a'), 'utf8'), 'a')
  for (let i = 0; i < 100 && !ask('index', 'status', 'm').text.includes('complete'); i++) await sleep(100)
  for (let i = 0; i < 100 && !isRegular(at('w/index.db')); i++) await sleep(100)
  done('unmount', 'm')
  assert.ok(isRegular(at('w/index.db')), `${readdirSync(at('w'))}`)
  assert.equal(existsSync(at('w/index.db.inuse')), false)
  assert.equal(existsSync(at('u/planted')), false)
}

for (const [words, plant] of Object.entries(STRANGE)) {
  for (const names of [['index.db'], ['index.db-wal', 'index.db.inuse', 'index.db.copy']]) {
    test(`${words} as ${names.join(', ')}`, { skip }, async () => {
      rmSync(at('w'), { recursive: true, force: true })
      mkdirSync(at('w'))
      if (names.length > 1) done('index', 'build', ...LAYERS)
      for (const name of names) plant(at(`w/${name}`))
      for (const action of ['status', 'verify']) {
        assert.notEqual(ask('index', action, ...LAYERS).status, null, `index ${action} waits`)
      }
      await mounted()
    })
  }
}

test('a FIFO where mounts keep what they share', { skip }, async () => {
  rmSync(at('w'), { recursive: true, force: true })
  mkdirSync(at('w'))
  done('index', 'build', '--lower', 'l')
  const [shared] = readdirSync(at('stacks'))
  rmSync(at(`stacks/${shared}`))
  execFileSync('mkfifo', [at(`stacks/${shared}`)])
  await mounted()
  assert.notEqual(ask('index', 'build', '--lower', 'l').status, null)
  assert.ok(isRegular(at(`stacks/${shared}`)))
})
