/**
 * What `--json` prints is what docs/schemas says, in every command: nothing is missing, nothing is there that the
 * schema does not tell of, and the schemas are those of the types.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { checkoutRoot } from '../../scripts/checkout.js'
import { schemaFile, schemaFiles } from '../../scripts/schemas/generate.js'
import { MAIN, needsRoot, type Workspace } from '../daemon/harness.js'
import { calls, everyCommand, room } from './every-command.js'

const folder = join(checkoutRoot(), 'docs/schemas')
const schemaOf = (command: string) => JSON.parse(readFileSync(join(folder, schemaFile(command)), 'utf8')) as Schema

interface Schema {
  readonly [word: string]: unknown
}

test('docs/schemas is what the types say: `npm run schemas` writes it', () => {
  const files = schemaFiles(checkoutRoot())
  assert.deepEqual(readdirSync(folder).sort(), [...files.keys()].sort())
  for (const [name, text] of files) assert.equal(readFileSync(join(folder, name), 'utf8'), text, name)
})

test('every command has a schema, and docs/json.md names it', () => {
  const names = everyCommand().map(schemaFile)
  assert.deepEqual(readdirSync(folder).sort(), names.sort())
  const page = readFileSync(join(checkoutRoot(), 'docs/json.md'), 'utf8')
  for (const name of names) assert.ok(page.includes(`(schemas/${name})`), name)
})

/** The schema with no member allowed but those that it tells of. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([word, value]) => [word, closed(value)]))
  return 'properties' in inner && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner
}

/** Names of members in `value`, wherever they are, in the order of a walk. */
function membersOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(membersOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [name, ...membersOf(inner)])
}

/** Members whose names are somebody else's: opcodes of FUSE, and what an image says of itself. */
const FOREIGN = ['byKind', 'Config', 'Annotations', 'Counters', 'Labels']

function withoutForeign(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutForeign)
  if (typeof value !== 'object' || value === null) return value
  const own = Object.entries(value).filter(([name]) => !FOREIGN.includes(name))
  return Object.fromEntries(own.map(([name, inner]) => [name, withoutForeign(inner)]))
}

const ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true })

/** Holds what `words` print with `--json` against the schema of `command`. */
function checkOutput({ root: cwd, env }: Workspace, command: string, words: string, code: number | null = 0): void {
  const args = words.includes('--json') ? words : words.replace(command, `${command} --json`)
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args.split(' ')], {
    cwd,
    env,
    encoding: 'utf8',
  })
  if (code !== null) assert.equal(status, code, `${args}: ${stderr}`)
  const document = JSON.parse(stdout)
  const { $schema: _, ...schema } = closed(schemaOf(command)) as Schema
  assert.ok(ajv.validate(schema, document), `${args}: ${ajv.errorsText()}\n${stdout}`)
  const names = membersOf(withoutForeign(document))
  assert.match(names[0] ?? '', /^schemaVersion$/i, `${args}: the version stands first`)
  const isDockers = names[0] === 'SchemaVersion'
  for (const name of names) assert.match(name, isDockers ? /^[A-Z][A-Za-z]*$/ : /^[a-z][A-Za-z]*$/, args)
}

test('every command prints what its schema says', needsRoot, (t) => {
  const w = room(t)
  writeFileSync(join(w.root, 'lower/gone'), '')
  mkdirSync(join(w.root, 'lower/dir'))
  for (const [command, call] of Object.entries(calls)) {
    // Mounts of others of this machine may be dead.
    checkOutput(w, command, call, command === 'health' ? null : 0)
    if (command !== 'mount') continue
    writeFileSync(join(w.root, 'm/a'), 'changed\n')
    rmSync(join(w.root, 'm/gone'))
    writeFileSync(join(w.root, 'm/dir/new'), '')
  }
})

test('and in its other cases', needsRoot, (t) => {
  const w = room(t)
  const mount = 'mount --json --lower NAME=lower --upper upper -- m'
  checkOutput(w, 'mount', mount.replace('NAME', 'base'))
  writeFileSync(join(w.root, 'm/a'), 'changed\n')
  rmSync(join(w.root, 'm/new'))
  for (const [command, words, code] of [
    ['which', 'which m/a m/new m/none', 1],
    ['stats', 'stats --all', 0],
    ['inspect', 'inspect --all', 0],
    ['du', 'du --by-layer m', 0],
    ['commit', 'commit m --output layer2.tar', 0],
    ['index status', 'index status --lower lower', 1],
    ['image import', 'image import layer.tar images:a', 0],
    ['image mount', 'image mount --read-only --store store images:a m2', 0],
    ['unmount', 'unmount --lazy m2', 0],
  ] as const)
    checkOutput(w, command, words, code)
  const [pid] = JSON.parse(w.run('inspect', 'm').stdout).map(({ Pid }: { Pid: number }) => Pid)
  process.kill(pid, 'SIGKILL')
  checkOutput(w, 'health', 'health', 1)
  checkOutput(w, 'list', 'list')
})
