/**
 * Runs every case on one column under node:test, one test per case, and leaves what came out as JSON for the page. A
 * case a column cannot play is a skipped test with its reason, never a silent one. CONFORMANCE_ONLY=text plays only the
 * cases whose `family: name` holds the text (and leaves no result).
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Case, compareTimesBy, type Family } from './case.js'
import { families } from './cases/index.js'
import { type Column, repository } from './columns.js'
import { Ground, processesOf } from './ground.js'
import { Stage } from './stage.js'
import { hasMarks } from './tree.js'

interface Outcome {
  readonly family: string
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'skip' | 'limit'
  /** Why it was skipped or failed, or the limit that it shows. */
  readonly reason?: string
}

interface ColumnResult {
  readonly column: string
  readonly title: string
  readonly kernel: string
  readonly outcomes: readonly Outcome[]
}

/** Where the results lie until the page is made. */
export const resultsDirectory = join(repository, 'dist/conformance')

/** Why `column` does not play this case; null where it does. */
function skipReason(column: Column, one: Case): string | null {
  for (const name of [column.name, ...(column.like ?? [])]) if (one.not?.[name]) return one.not[name]
  const missing = (one.needs ?? []).filter((capability) => !column.capabilities.has(capability))
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  const isLayered =
    (one.lowers?.length ?? 1) > 1 || one.upper !== undefined || one.options || one.lowers?.some(hasMarks)
  if (isLayered && !column.capabilities.has('layers')) return 'needs layers'
  return null
}

function play(run: Run, family: Family, one: Case): void {
  const { outcomes } = run
  const at = { family: family.name, name: one.name }
  const limit = run.column.limitOf?.(family.name, one.name) ?? null
  try {
    run.stage().play(one)
  } catch (error) {
    const words = (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 3).join(' ')
    outcomes.push({ ...at, outcome: limit === null ? 'fail' : 'limit', reason: limit?.what ?? words })
    if (limit !== null) return
    throw error
  }
  if (limit === null) outcomes.push({ ...at, outcome: 'pass' })
  else outcomes.push({ ...at, outcome: 'fail', reason: 'passes, though a limit is listed' })
  if (limit !== null) throw new Error(`it passes: the limit ${limit.id} in limits.ts no longer shows here`)
}

function save(column: Column, outcomes: readonly Outcome[], kernel: string): void {
  if (process.env.CONFORMANCE_ONLY) return
  mkdirSync(resultsDirectory, { recursive: true })
  const result: ColumnResult = { column: column.name, title: column.title, kernel, outcomes }
  writeFileSync(join(resultsDirectory, `${column.name}.json`), `${JSON.stringify(result, null, 1)}\n`)
}

/** Throws when a process that served or used the mounts is still there two seconds after the last unmount. */
async function expectNoProcess(ground: Ground, stage: Stage): Promise<void> {
  const own = [ground.disk.process.pid, stage.actor.process.pid]
  const strays = () => processesOf(ground.directory).filter((pid) => !own.includes(pid))
  for (let i = 0; i < 20 && strays().length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 100))
  if (strays().length > 0) throw new Error(`left behind after the last unmount: processes ${strays().join(', ')}`)
}

function registerCase(family: Family, one: Case, run: Run): void {
  const reason = run.refusal ?? skipReason(run.column, one)
  if (reason === null) {
    it(one.name, async () => {
      // A case never waits, so between two of them a signal gets its turn.
      await new Promise(setImmediate)
      play(run, family, one)
    })
    return
  }
  run.outcomes.push({ family: family.name, name: one.name, outcome: 'skip', reason })
  it(one.name, { skip: reason }, () => {})
}

interface Run {
  readonly column: Column
  readonly refusal: string | null
  readonly outcomes: Outcome[]
  readonly stage: () => Stage
}

/** Registers the column's tests. */
export function runColumn(column: Column): void {
  const answer = column.available()
  const refusal = answer === true ? null : answer
  const outcomes: Outcome[] = []
  let stage: Stage | null = null
  const run: Run = { column, refusal, outcomes, stage: () => stage as Stage }
  describe(column.title, () => {
    before(() => {
      compareTimesBy(column.timeUnit ?? 1n)
      if (refusal === null) stage = new Stage(column, new Ground())
    })
    after(() => {
      stage?.close()
      stage?.ground.close()
      save(column, outcomes, release())
    })
    const only = process.env.CONFORMANCE_ONLY ?? ''
    for (const family of families)
      describe(family.name, () => {
        const chosen = family.cases.filter((one) => `${family.name}: ${one.name}`.includes(only))
        for (const one of chosen) registerCase(family, one, run)
      })
    it('leaves no process behind', { skip: refusal ?? false }, () => expectNoProcess(run.stage().ground, run.stage()))
  })
}
