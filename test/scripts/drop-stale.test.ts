/** The build drops what it once made of sources that are gone, and nothing else of dist. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'

const SOURCES = ['src/a.ts', 'src/begin.cts', 'src/page/view.tsx', 'test/a.test.ts']
const KEPT = [
  ...['src/a.js', 'src/a.d.ts', 'src/a.js.map', 'src/begin.cjs', 'src/begin.d.cts', 'src/page/view.js'],
  ...['test/a.test.js', 'src/joined/xyz.cjs', 'src/explore/page/page.js', 'src/data.json', 'packages/src/gone.js'],
]
const GONE = ['src/gone.js', 'src/gone.d.ts', 'src/gone.js.map', 'src/old/gone.cjs', 'test/gone.test.js']

test('compiled files without a source go; all others stay', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'stratafs-stale-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const path of [...SOURCES, ...[...KEPT, ...GONE].map((each) => `dist/${each}`)]) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), '')
  }
  const script = join(checkoutRoot(), 'dist/scripts/drop-stale.js')
  const { status, stdout } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' })
  assert.equal(status, 0)
  const isThere = (path: string) => existsSync(join(root, 'dist', path))
  assert.deepEqual(KEPT.filter(isThere), KEPT)
  assert.deepEqual(GONE.filter(isThere), [])
  assert.deepEqual(
    stdout.split('\n').filter(Boolean).sort(),
    GONE.map((path) => `dist/${path}: its source is gone`).sort(),
  )
})

test('npm run build:ts does so, after the compiler', () => {
  const { scripts } = JSON.parse(readFileSync(join(checkoutRoot(), 'package.json'), 'utf8'))
  assert.match(scripts['build:ts'], /tsc -p tsconfig\.json .*&& node dist\/scripts\/drop-stale\.js &&/)
})
