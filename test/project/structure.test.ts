/**
 * The project's own rules, held by tests: rooms are imported downwards, nothing goes in a circle, no export is dead,
 * files stay readable, and nothing names the machine it was written on. The checks themselves are tested on made-up
 * sources.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkStructure } from '../../scripts/check-structure.js'
import { checkoutRoot } from '../../scripts/checkout.js'
import { bareStores } from '../../scripts/structure/descriptors.js'
import { decisionFaults, missingFiles, namesOf } from '../../scripts/structure/documents.js'
import { findDeadExports } from '../../scripts/structure/exports.js'
import { findCircles, judgeImport } from '../../scripts/structure/order.js'
import { privatePrefix } from '../../scripts/structure/places.js'
import { sizeFaults } from '../../scripts/structure/sizes.js'
import { parseSource, type Source } from '../../scripts/structure/sources.js'
import { wideLines } from '../../scripts/structure/width.js'

const root = checkoutRoot()

test('the structure of this checkout is whole', () => {
  assert.deepEqual(checkStructure(root), [])
})

test('an import up the order, of the addon, or from outside src is a fault', () => {
  assert.equal(judgeImport('src/cli/main.ts', 'src/base/errno.ts'), null)
  assert.equal(judgeImport('src/cli/main.ts', 'src/index.ts'), null)
  assert.equal(judgeImport('src/index.ts', 'src/daemon/mount/checks.ts'), null)
  assert.match(judgeImport('src/daemon/mount/checks.ts', 'src/index.ts')!, /above/)
  assert.equal(judgeImport('src/union/lookup/a.ts', 'src/union/nodes/b.ts'), null)
  assert.match(judgeImport('src/union/nodes/b.ts', 'src/union/lookup/a.ts')!, /union\/lookup\/ is above union\/nodes\//)
  assert.equal(judgeImport('src/syscalls/native.ts', 'native-bindings/index.js'), null)
  assert.match(judgeImport('src/base/errno.ts', 'src/cli/main.ts')!, /above/)
  assert.match(judgeImport('src/union/nodes/a.ts', 'native-bindings/index.js')!, /only src\/syscalls/)
  assert.match(judgeImport('src/union/nodes/a.ts', 'test/tree.ts')!, /outside src/)
})

test('imports are found in every spelling, and not in comments', () => {
  const text = `import type { A } from './a.js'
    export * from "../b.js"
    import './c.js'
    const d = await import('./d.js')
    new Worker(new URL('./e.js', import.meta.url))
    import fs from 'node:fs'
    type F = import('./f.js').F
    await import(\`./g/\${name}.js\`)
    createRequire(import.meta.url)('./h.cjs')
    // import './not.js'`
  assert.deepEqual(
    parseSource(text).imports.map(({ specifier }) => specifier),
    ['./a.js', '../b.js', './c.js', './d.js', './e.js', './f.js', './g/', './h.cjs'],
  )
})

/** Made-up files, by path. */
function made(files: Record<string, string>): Map<string, Source> {
  return new Map(Object.entries(files).map(([path, text]) => [path, parseSource(text)]))
}

test('a circle is found, of types too', () => {
  const files = made({
    'src/base/errno.ts': `import type { B } from './text.js'`,
    'src/base/text.ts': `import { a } from './failure.js'`,
    'src/base/failure.ts': `import { c } from './errno.js'`,
  })
  assert.deepEqual(findCircles(root, files), [
    'src/base/errno.ts -> src/base/text.ts -> src/base/failure.ts -> src/base/errno.ts: a circle of imports',
  ])
  files.set('src/base/failure.ts', parseSource(''))
  assert.deepEqual(findCircles(root, files), [])
})

test('an export that nobody imports is found', () => {
  const files = made({
    'src/base/errno.ts': 'export const used = 1\nexport function dead(): void {}\nexport interface Taken {}',
    'src/base/text.ts': `import { type Taken, used } from './errno.js'`,
  })
  assert.deepEqual(findDeadExports(root, files), ['src/base/errno.ts: exports dead, which no other file imports'])
})

test('the private part of a path stops where a stranger could have the same', () => {
  assert.equal(privatePrefix('/home/ann/src/stratafs'), '/home/ann/')
  assert.equal(privatePrefix('/builds/stratafs'), '/builds/')
  assert.equal(privatePrefix('/stratafs'), null)
})

test('a line over 120 columns is found, but for what cannot be broken', () => {
  const wide = 'x'.repeat(110)
  const fault = (file: string, text: string) =>
    wideLines(file, text).map((words) => words.replace(/.*:(\d+): .*/, '$1'))
  assert.deepEqual(wideLines('src/a.ts', `// ${wide} a\n// ${wide} and so on`), [
    'src/a.ts:2: 123 columns, 120 at most',
  ])
  assert.deepEqual(fault('src/a.ts', `f('${wide} and so on')`), ['1'])
  assert.deepEqual(fault('test/a.ts', `f('${wide} and so on')\n\n/** ${wide} and so on */`), ['3'])
  assert.deepEqual(fault('scripts/a.sh', `echo '${wide} and so on'`), ['1'])
  assert.deepEqual(
    fault(
      'a.md',
      `A ${wide} and so on.\n\n| ${wide} | and so on |\n\n\`\`\`sh\nrun ${wide} and so on\n\`\`\`\n- ${wide} b c d e f`,
    ),
    ['1', '8'],
  )
  assert.deepEqual(fault('a.md', `- [a link](https://example.org/${wide})`), [])
  assert.deepEqual(fault('a.md', `# A\n\nGenerated by x; do not edit.\n\nA ${wide} and so on.`), [])
})

test('a document that names a file that is gone is found, and a decision that does not come first', () => {
  const known = namesOf(['src/union/nodes/node.ts', 'test/cli/a.test.ts'])
  const text = '`src/union/nodes/node.ts`, `nodes/node.ts`, node.ts, test/cli/a.test.ts; `src/union/node.ts`, b.test.ts'
  assert.deepEqual(missingFiles(text, known), ['src/union/node.ts', 'b.test.ts'])
  const page = 'docs/decisions/0003-x.md'
  assert.deepEqual(decisionFaults(page, '# 3. X\n\n**Decided.** So.\n\n- a\n\n**Why.** b'), [])
  assert.match(decisionFaults(page, '# X\n\n**Decided.** So.')[0]!, /title/)
  assert.match(decisionFaults(page, '# 3. X\n\n**Question.** Why?\n\n**Decided.** So.')[0]!, /begin with the decision/)
  assert.match(decisionFaults(page, `# 3. X\n\n**Decided.** So.\n${'line\n'.repeat(10)}\n## Why`)[0]!, /has 11 lines/)
})

test('a file that is too long and a folder that is too full are found', () => {
  const files = Array.from({ length: 21 }, (_, i): [string, number] => [`src/a/${i}.ts`, 300])
  assert.deepEqual(sizeFaults(new Map(files.slice(1))), [])
  assert.deepEqual(sizeFaults(new Map(files)), ['src/a/: 21 files of its own, 20 at most'])
  assert.deepEqual(sizeFaults(new Map([['src/a.ts', 301]])), ['src/a.ts: 301 lines, 300 at most'])
})

test('a descriptor that is kept without an owner is found', () => {
  const bare = (text: string) => bareStores('a.ts', text).length
  for (const call of ['native.close(this.#fd)', 'native.close(job.file!)', 'closeSync(a?.b.fd)'])
    assert.equal(bare(call), 1)
  for (const call of ['native.close(fd)', 'this.#file.close()', 'closeSync(open(a.b))']) assert.equal(bare(call), 0)
})
