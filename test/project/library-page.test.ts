/** docs/library.md names every export of the package, and no function that is none; the same of its table of codes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { readSource } from '../../scripts/structure/sources.js'
import * as library from '../../src/index.js'

const root = checkoutRoot()
const page = readFileSync(join(root, 'docs/library.md'), 'utf8')
/** Words in code, with what stands around them: `mount(mountpoint, MountOptions)`. */
const code = [...page.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!)

test('docs/library.md names every export of src/index.ts', () => {
  const named = new Set(code.flatMap((words) => words.match(/\w+/g) ?? []))
  const { exports } = readSource(root, 'src/index.ts')
  assert.ok(exports.length > 50)
  assert.deepEqual(
    exports.filter((name) => !named.has(name)),
    [],
  )
})

test('every function that it describes is exported', () => {
  const calls = code.flatMap((words) => /^(\w+)\(/.exec(words)?.[1] ?? [])
  assert.ok(calls.length > 20)
  assert.deepEqual(
    calls.filter((name) => !(name in library)),
    [],
  )
})

test('it tells of every code of a refusal', () => {
  const source = readFileSync(join(root, 'src/base/failure.ts'), 'utf8')
  const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map((match) => match[1]!).sort()
  const told = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]!).sort()
  assert.ok(codes.length > 5)
  assert.deepEqual(told, codes)
})
