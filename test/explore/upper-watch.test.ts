/** An upper that is watched: what came, grew, went and was moved is told once, and the index has it then. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { UpperWatch } from '../../src/explore/database/upper-watch.js'
import type { Overview } from '../../src/explore/views/types.js'
import { exploring, rowsOf } from './exploring.js'

test('an upper as it changes: what came, grew, went; and what shows then', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-upper-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [lower, upper] = ['live-lower', 'live-upper'].map((name) => join(folder, name)) as [string, string]
  mkdirSync(join(lower, 'd'), { recursive: true })
  mkdirSync(join(upper, 'old'), { recursive: true })
  for (const [path, text] of [
    [join(lower, 'd/file'), 'below\n'],
    [join(lower, 'gone'), 'below\n'],
    [join(upper, 'old/file'), 'old\n'],
  ] as const)
    writeFileSync(path, text)
  await exploring({ lower: [lower], upper }, async (explorer) => {
    const watch = new UpperWatch(explorer.filling, 1, upper)
    const look = () => watch.look().map(({ change, path, grown }) => `${change} ${path} ${grown}`)
    look()
    mkdirSync(join(upper, 'd'))
    writeFileSync(join(upper, 'd/file'), 'above, and longer\n')
    writeFileSync(join(upper, 'new'), 'new\n')
    writeFileSync(join(upper, '.wh.gone'), '')
    assert.deepEqual(look().sort(), ['A new 4', 'C d 0', 'C d/file 18', 'D gone 0'])
    appendFileSync(join(upper, 'new'), 'more\n')
    rmSync(join(upper, 'old'), { recursive: true })
    assert.deepEqual(look().sort(), ['C new 5', 'D old 0'])
    assert.deepEqual(look(), [])
    // What a directory brings with it is new here, however old it is.
    mkdirSync(join(upper, 'here/below'), { recursive: true })
    writeFileSync(join(upper, 'here/below/file'), 'deep\n')
    mkdirSync(join(folder, 'live-other'))
    writeFileSync(join(folder, 'live-other/kept'), 'kept\n')
    assert.deepEqual(look().sort(), ['A here 0', 'A here/below 0', 'A here/below/file 5'])
    await setTimeout(200)
    look()
    look()
    renameSync(join(upper, 'here'), join(upper, 'there'))
    assert.deepEqual(look().sort(), ['A there 0', 'A there/below 0', 'A there/below/file 5', 'D here 0'])
    rmSync(join(upper, 'there/below'), { recursive: true })
    renameSync(join(folder, 'live-other'), join(upper, 'there/below'))
    assert.deepEqual(look().sort(), ['A there/below/kept 5', 'D there/below/file -5'])
    rmSync(join(upper, 'there'), { recursive: true })
    assert.deepEqual(look(), ['D there 0'])
    rmSync(join(upper, 'd/file'))
    assert.equal(spawnSync('mknod', [join(upper, 'd/file'), 'c', '0', '0']).status, 0)
    assert.deepEqual(look(), ['D d/file -18'])
    rmSync(join(upper, 'd/file'))
    writeFileSync(join(upper, 'd/file'), 'above, and longer\n')
    assert.deepEqual(look(), ['C d/file 18'])
    const { bytes, entries } = (explorer.view('overview') as Overview).layers[1]!
    assert.deepEqual([bytes, entries], [18 + 9, 4])
    await explorer.filling.judge()
    assert.deepEqual(Object.keys(rowsOf(explorer, 'path=/&ghosts=0')), ['d', 'new'])
    assert.deepEqual(rowsOf(explorer, 'path=/').gone!.ghost, { by: 1, why: 'deleted' })
    assert.deepEqual(rowsOf(explorer, 'path=/d').file!.layers, [1, 0])
    assert.equal((explorer.view('overview') as Overview).bytes, 6 + 6 + 18 + 9)
  })
})
