/**
 * Takes out of dist what the compiler once made of sources that are gone: Node's test runner would run such a test, and
 * a package would hold it. What the build makes otherwise (the page, joined files) is left alone.
 *
 * Usage: node dist/scripts/drop-stale.js [ROOT, this checkout where not given]
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { checkoutRoot } from './checkout.js'

/** Folders below dist that the compiler fills, and what in them it does not. */
const COMPILED = ['src', 'test', 'scripts']
const OTHERS = ['src/joined', 'src/explore/page']

/** What an output ends with, and the sources it may come from. */
const KINDS: readonly (readonly [ending: RegExp, sources: readonly string[]])[] = [
  [/\.(js|d\.ts|js\.map|d\.ts\.map)$/, ['.ts', '.tsx']],
  [/\.(cjs|d\.cts|cjs\.map|d\.cts\.map)$/, ['.cts']],
  [/\.(mjs|d\.mts|mjs\.map|d\.mts\.map)$/, ['.mts']],
]

/** Whether the compiler made `path` (relative to dist) of a source that is not there any more. */
function isStale(root: string, path: string): boolean {
  if (OTHERS.some((folder) => path.startsWith(`${folder}/`))) return false
  const kind = KINDS.find(([ending]) => ending.test(path))
  if (kind === undefined) return false
  const [ending, sources] = kind
  return !sources.some((source) => existsSync(join(root, path.replace(ending, source))))
}

function main(root: string): void {
  const dist = join(root, 'dist')
  for (const folder of COMPILED.filter((each) => existsSync(join(dist, each)))) {
    const entries = readdirSync(join(dist, folder), { withFileTypes: true, recursive: true })
    for (const entry of entries) {
      const path = relative(dist, join(entry.parentPath ?? entry.path, entry.name))
      if (!entry.isFile() || !isStale(root, path)) continue
      rmSync(join(dist, path))
      console.log(`dist/${path}: its source is gone`)
    }
  }
}

main(resolve(process.argv[2] ?? checkoutRoot()))
