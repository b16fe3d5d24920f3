/** Random histories of a mount with snapshots, beside plain copies (history.ts). `npm run test:snapshots` runs many. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { needsRoot, workspace } from '../daemon/harness.js'
import { runHistory } from './history.js'

const SEEDS = Number(process.env.STRATAFS_HISTORIES ?? 1)
/** Few of them here, for a history takes long. */
const STEPS = SEEDS > 1 ? 150 : 50
/** This one renames a directory of the upper, with a file in it, after layers have come and gone. */
const FIRST = Number(process.env.STRATAFS_HISTORY ?? 10_033)

for (const data of ['passthrough', 'cached'] as const)
  test(`what a snapshot keeps is what a copy keeps (${data})`, needsRoot, async (t) => {
    process.env.STRATAFS_RUN_DIR = workspace(t).runDirectory
    t.after(() => delete process.env.STRATAFS_RUN_DIR)
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const at = mkdtempSync(join(tmpdir(), 'stratafs-history-'))
      const options = seed % 3 === 0 ? { options: 'metacopy=on' } : {}
      await runHistory(at, { seed, steps: STEPS, data, root: true, ...options })
      rmSync(at, { recursive: true })
    }
  })

const MAIN = fileURLToPath(new URL('./history-main.js', import.meta.url))
const inNamespace = spawnSync('unshare', ['-Urm', 'true']).status === 0 ? needsRoot : { skip: 'needs user namespaces' }

test('and so in a user namespace', inNamespace, (t) => {
  const { env } = workspace(t)
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const at = mkdtempSync(join(tmpdir(), 'stratafs-history-'))
    const words = ['-Urm', process.execPath, MAIN, at, String(seed), String(STEPS)]
    const { status, stderr } = spawnSync('unshare', words, { encoding: 'utf8', env, timeout: 120_000 })
    assert.equal(status, 0, stderr)
    rmSync(at, { recursive: true })
  }
})
