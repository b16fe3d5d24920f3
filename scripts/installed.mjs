/**
 * Exits 0 when node_modules holds what package-lock.json asks for, and its compiled package loads in this Node (which
 * `--ignore-scripts` does not ask for). It looks at facts instead of a stamp, so that an install made by hand counts
 * too. Plain JavaScript, because it runs before anything can be compiled.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../package.json', import.meta.url))

function packagesOf(file) {
  return JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).packages
}

/** The first package that is wanted and missing or of another version, or null. Optional ones may be missing. */
function firstDifference() {
  const wanted = packagesOf('package-lock.json')
  const present = packagesOf('node_modules/.package-lock.json')
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || (entry.optional && !present[path])) continue
    if (present[path]?.version !== entry.version) return path
  }
  return null
}

try {
  if (firstDifference() !== null) process.exit(1)
  if (!process.argv.includes('--ignore-scripts')) {
    const Database = require('better-sqlite3')
    new Database(':memory:').close()
  }
} catch {
  process.exit(1)
}
