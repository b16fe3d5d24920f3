/**
 * Plays the cases on one column and writes what came of each as JSON. Runs as a child inside the namespaces that
 * ground.sh makes. Arguments: COLUMN FORM(short|full) ROOM RESULT [TEXT]; with a text only the cases whose
 * `family: name` holds it.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, Family, Outcome } from './case.js'
import { families } from './families/all.js'
import { takeLogsOfTheDead } from './leftovers.js'
import { type Column, type Program, Scene } from './scene.js'

const [column, form, room, result, only = ''] = process.argv.slice(2) as [Column, string, string, string, string?]

function program(): Program {
  if (column === 'fuse-overlayfs') return { column, path: '/usr/bin/fuse-overlayfs', directories: [] }
  const install = join(room, 'install')
  return { column, path: join(install, 'bin/stratafs'), directories: [join(install, 'bin'), join(install, 'alias')] }
}

function short(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n').slice(0, 30).join('\n').slice(0, 1200)
}

function missing(scene: Scene, commands: readonly string[]): string | null {
  const absent = commands.filter((command) => !scene.has(command))
  return absent.length === 0 ? null : `${absent.join(', ')} not installed`
}

/** A daemon that failed under a runtime may do so unseen: the runtime finds an empty directory where it was. */
function expectNoneDied(one: Case): void {
  const said = takeLogsOfTheDead()
  if (said !== '' && !one.kills) throw new Error(`a daemon did not end well: ${said}`)
}

function playCase(scene: Scene, family: Family, one: Case): Outcome {
  const at = { family: family.name, name: one.name }
  const reason = one.not?.[column] ?? missing(scene, one.needs ?? [])
  if (reason !== null) return { ...at, outcome: 'skip', reason }
  const began = Date.now()
  const took = () => ({ milliseconds: Date.now() - began })
  try {
    one.run(scene)
    expectNoneDied(one)
    return { ...at, outcome: 'pass', ...took() }
  } catch (error) {
    return { ...at, outcome: 'fail', reason: `${short(error)}\n${short(takeLogsOfTheDead())}`, ...took() }
  } finally {
    family.tidy?.(scene)
  }
}

const chosen = (family: Family): Case[] =>
  family.cases.filter((one) => (form === 'full' || one.short) && `${family.name}: ${one.name}`.includes(only))

/** The cases of a family; all of them share the fate of its set-up. */
function playFamily(scene: Scene, family: Family): Outcome[] {
  const cases = chosen(family)
  const all = (outcome: Outcome['outcome'], reason: string): Outcome[] =>
    cases.map(({ name }) => ({ family: family.name, name, outcome, reason }))
  if (cases.length === 0) return []
  const absent = missing(scene, family.needs)
  if (absent !== null) return all('skip', absent)
  try {
    family.setUp?.(scene)
    return cases.map((one) => told(playCase(scene, family, one)))
  } catch (error) {
    return all('fail', `set-up: ${short(error)}`)
  } finally {
    family.tearDown?.(scene)
  }
}

function told(outcome: Outcome): Outcome {
  const { family, name, reason = '', milliseconds = 0 } = outcome
  if (process.env.STRATAFS_ATTACH_VERBOSE)
    process.stderr.write(`${outcome.outcome} ${family}: ${name} (${milliseconds} ms) ${reason}\n`)
  return outcome
}

const scene = new Scene(program(), room)
const outcomes = families.flatMap((family) => playFamily(scene, family))
writeFileSync(result, `${JSON.stringify({ column, outcomes }, null, 1)}\n`)
