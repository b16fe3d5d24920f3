/**
 * One column of attach cases as tests: plays them in a child with namespaces of its own, then tells each as a test.
 * What a machine cannot do is a skip with the reason. STRATAFS_ATTACH=full plays every case and keeps what came of it
 * for the page; STRATAFS_ATTACH_ONLY=text plays only cases whose `family: name` holds the text, and
 * STRATAFS_ATTACH_OPTIONS=engine=hybrid plays them with these mount options beside those that a runtime gives.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { notInstalled } from '../tools/installed.js'
import type { ColumnResult, Outcome } from './case.js'
import { families } from './families/all.js'
import { BUSYBOX } from './rootfs.js'
import type { Column } from './scene.js'

const root = checkoutRoot()
const full = process.env.STRATAFS_ATTACH === 'full'
const only = process.env.STRATAFS_ATTACH_ONLY ?? ''
const options = process.env.STRATAFS_ATTACH_OPTIONS ?? ''

/** Where the results lie until the page is made. */
const resultsDirectory = join(root, 'dist/attach')

/** Longest time for all the cases of one form. */
const PATIENCE_MS = full ? 1_800_000 : 600_000

function refusal(column: Column): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync(BUSYBOX)) return 'busybox-static is not installed'
  if (notInstalled('setfattr')) return 'attr is not installed'
  const peer = column === 'fuse-overlayfs' && notInstalled('fuse-overlayfs')
  if (peer) return peer
  const namespaces = spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', '--kill-child', 'true'], {
    encoding: 'utf8',
  })
  return namespaces.status === 0 ? false : `no namespaces here: ${namespaces.stderr.trim()}`
}

/** Runs a program to its end; it must not fail. */
function run(program: string, words: readonly string[], timeout: number): void {
  const said = spawnSync(program, words, { encoding: 'utf8', timeout, stdio: ['ignore', 'pipe', 'inherit'] })
  assert.equal(said.status, 0, `${program} ${words.slice(0, 12).join(' ')}: ${said.stdout}${said.error ?? ''}`)
}

/** Puts a script in place of a program, which hands `-o` on with more options in front of those that were given. */
function wrap(program: string): void {
  const itself = join(dirname(program), 'itself', basename(program))
  mkdirSync(dirname(itself))
  renameSync(program, itself)
  const words = `for word; do [ "$last" = -o ] && word=${options},$word; words+=("$word"); last=$word; done`
  writeFileSync(program, `#!/bin/bash\nlast='' words=()\n${words}\nexec ${itself} "\${words[@]}"\n`, { mode: 0o755 })
}

function play(column: Column, room: string): Outcome[] {
  if (column === 'stratafs') {
    const install = ['--prefix', join(room, 'install'), '--as-fuse-overlayfs', join(room, 'install/alias')]
    run('bash', [join(root, 'scripts/install.sh'), ...install], 300_000)
    if (options !== '') for (const name of ['bin/stratafs', 'alias/fuse-overlayfs']) wrap(join(room, 'install', name))
  }
  const result = join(room, 'result.json')
  const child = [process.execPath, join(root, 'dist/test/attach/play.js')]
  const ground = ['bash', join(root, 'test/attach/ground.sh'), room]
  const form = full ? 'full' : 'short'
  const words = [...ground, ...child, column, form, room, result, only]
  run('unshare', ['-m', '-p', '-f', '--mount-proc', '--kill-child', ...words], PATIENCE_MS)
  return (JSON.parse(readFileSync(result, 'utf8')) as ColumnResult).outcomes as Outcome[]
}

function save(column: Column, outcomes: readonly Outcome[]): void {
  if (!full || only !== '' || options !== '') return
  mkdirSync(resultsDirectory, { recursive: true })
  writeFileSync(join(resultsDirectory, `${column}.json`), `${JSON.stringify({ column, outcomes }, null, 1)}\n`)
}

/** Registers the column's tests. `judge`: a case that fails fails its test; else it is only told, for comparison. */
export function runColumn(column: Column, judge: boolean): void {
  describe(`${column} attached to container runtimes`, { skip: refusal(column) }, () => {
    let room = ''
    const outcomes: Outcome[] = []
    before(() => {
      room = mkdtempSync(join(tmpdir(), 'stratafs-attach-'))
      // An ordinary user's storage lies in it.
      chmodSync(room, 0o755)
      outcomes.push(...play(column, room))
      save(column, outcomes)
    })
    after(() => rmSync(room, { recursive: true, force: true }))
    for (const family of families)
      describe(family.name, () => {
        const chosen = family.cases.filter((one) => full || one.short)
        for (const { name } of chosen.filter((one) => `${family.name}: ${one.name}`.includes(only)))
          it(name, (t) => {
            const found = outcomes.find((outcome) => outcome.family === family.name && outcome.name === name)
            assert.ok(found, 'it was played')
            if (found.outcome === 'skip') t.skip(found.reason)
            else if (judge) assert.equal(found.outcome, 'pass', found.reason)
            else if (found.outcome === 'fail') t.diagnostic(`fails: ${found.reason}`)
          })
      })
  })
}
