/**
 * The project's own rules, held by tests: imports point down, only syscalls/ knows the addon, files stay readable, and
 * nothing names the machine it was written on. The checks themselves are tested on made-up imports.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  checkImports,
  checkoutRoot,
  checkPlaces,
  judgeImport,
  privatePrefix,
  sourceFiles,
  specifiersIn,
} from '../../scripts/check-imports.js'

const root = checkoutRoot()

test('every import of src points down the list of folders', () => {
  assert.deepEqual(checkImports(root), [])
})

test('no tracked file names the place of this checkout', () => {
  assert.deepEqual(checkPlaces(root), [])
})

test('an import up the list, of the addon, or from outside src is a fault', () => {
  assert.equal(judgeImport('src/cli/main.ts', 'src/base/errno.js'), null)
  assert.equal(judgeImport('src/cli/main.ts', 'src/index.js'), null)
  assert.equal(judgeImport('src/index.ts', 'src/daemon/mount.js'), null)
  assert.match(judgeImport('src/daemon/mount.ts', 'src/index.js')!, /above it/)
  assert.equal(judgeImport('src/union/nodes.ts', 'src/union/lookup.js'), null)
  assert.equal(judgeImport('src/syscalls/native.ts', 'native-bindings/index.js'), null)
  assert.match(judgeImport('src/base/errno.ts', 'src/cli/main.js')!, /above it/)
  assert.match(judgeImport('src/syscalls/fd.ts', 'src/layers/layer.js')!, /above it/)
  assert.match(judgeImport('src/union/nodes.ts', 'native-bindings/index.js')!, /only src\/syscalls/)
  assert.match(judgeImport('src/union/nodes.ts', 'test/tree.js')!, /outside src/)
})

test('specifiers are found in every spelling of an import', () => {
  const text = `import type { A } from './a.js'
    export * from "../b.js"
    import './c.js'
    const d = await import('./d.js')
    new Worker(new URL('./e.js', import.meta.url))
    import fs from 'node:fs'`
  assert.deepEqual(specifiersIn(text), ['./a.js', '../b.js', './c.js', './d.js', './e.js'])
})

test('the private part of a path stops where a stranger could have the same', () => {
  assert.equal(privatePrefix('/home/ann/src/stratafs'), '/home/ann/')
  assert.equal(privatePrefix('/builds/stratafs'), '/builds/')
  assert.equal(privatePrefix('/stratafs'), null)
})

test('files longer than 250 lines are named (a warning, not a failure)', (context) => {
  for (const file of [...sourceFiles(root, 'src'), ...sourceFiles(root, 'test')]) {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1
    if (lines > 250) context.diagnostic(`${file} has ${lines} lines`)
  }
})
