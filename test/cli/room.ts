/** A folder of one test's own, in which programs are run and paths are given. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const stratafs = new URL('../../src/cli/stratafs.cjs', import.meta.url).pathname

let room = ''

/** Makes the folder; `name` begins its name. Everybody may enter it. */
export function makeRoom(name: string): void {
  room = mkdtempSync(join(tmpdir(), name))
  chmodSync(room, 0o755)
}

export function removeRoom(): void {
  rmSync(room, { recursive: true, force: true })
}

/** A path in the folder. */
export function at(...parts: string[]): string {
  return join(room, ...parts)
}

/** Runs a program there, which must succeed; what it printed. */
export function run(program: string, ...words: string[]): string {
  const done = spawnSync(program, words, { cwd: room, encoding: 'utf8', timeout: 60_000 })
  assert.equal(done.status, 0, `${program} ${words.join(' ')}: ${done.stderr}`)
  return done.stdout
}
