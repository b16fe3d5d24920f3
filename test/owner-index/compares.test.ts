/**
 * When a directory's rows are held against the disk by the engine: once in each mount, but not those that the mount's
 * own writer has compared or read, and never by a reading that is not in place yet.
 */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { overFiles, picture, Run, type Stage } from './stage.js'

/** No directory joins so many layers: nothing is compared ahead. */
const NONE = 1000

const LAYERS = [['a/one', 'b/c/two'], ['a/three', 'b/c/four'], ['a/five']]
const staged = (act: (stage: Stage, index: string) => void): (() => void) => overFiles(LAYERS, act)

/** Directories answered from the index and those held against the disk for it, in one mount that is looked at twice. */
function countsOf(stage: Stage, index: string, wide: number): { loads: number; compares: number } {
  const run = new Run(stage, { index, wide })
  for (let time = 0; time < 2; time++) {
    picture(run)
    run.write()
  }
  const { loads, compares } = run.index!.counters
  run.close()
  return { loads, compares }
}

test(
  'what this mount has read is not compared again',
  staged((stage, index) => {
    const { loads, compares } = countsOf(stage, index, NONE)
    assert.ok(loads > 0)
    assert.equal(compares, 0)
  }),
)

test(
  'what another mount has read is, unless the writer has done so',
  staged((stage, index) => {
    countsOf(stage, index, NONE)
    const { loads, compares } = countsOf(stage, index, NONE)
    assert.ok(loads > 0 && compares > 0, `${compares} of ${loads}`)
    assert.equal(countsOf(stage, index, 2).compares, 0)
  }),
)

test(
  'a directory that is another one since it was compared is not believed, nor is what stands in it',
  staged((stage, index) => {
    countsOf(stage, index, NONE)
    const run = new Run(stage, { index, wide: 2 })
    renameSync(join(stage.lowers[0]!, 'a'), join(stage.directory, 'away'))
    mkdirSync(join(stage.lowers[0]!, 'a'))
    writeFileSync(join(stage.lowers[0]!, 'a/another'), '')
    const off = new Run(stage)
    const expected = picture(off)
    off.close()
    assert.deepEqual(picture(run), expected)
    run.close()
  }),
)

test(
  'a reading that is not committed vouches for nothing',
  staged((stage, index) => {
    countsOf(stage, index, NONE)
    writeFileSync(join(stage.lowers[1]!, 'a/new'), 'new')
    const off = new Run(stage)
    const expected = picture(off)
    off.close()
    const run = new Run(stage, { index, wide: NONE })
    run.writer!.take({ kind: 'visit', path: 'a', edited: [], why: 'absent' })
    run.read()
    run.writer!.take({ kind: 'visit', path: 'a', edited: [0], why: 'stale' })
    assert.deepEqual(picture(run), expected)
    run.close()
  }),
)

test(
  'a reading that was rolled back vouches for nothing, either',
  staged((stage, index) => {
    countsOf(stage, index, NONE)
    for (let i = 0; i < 1000; i++) writeFileSync(join(stage.lowers[1]!, `a/new-${i}`), '')
    const off = new Run(stage)
    const expected = picture(off)
    off.close()
    const run = new Run(stage, { index, wide: NONE })
    const { db } = run.writer!.store!
    db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
    run.writer!.take({ kind: 'visit', path: 'a', edited: [], why: 'absent' })
    run.read()
    assert.match(run.log.join('\n'), /cannot be written now \(SQLITE_FULL/)
    db.pragma('max_page_count = 1000000')
    run.writer!.take({ kind: 'visit', path: 'b', edited: [], why: 'absent' })
    run.write()
    assert.deepEqual(picture(run), expected)
    run.close()
  }),
)
