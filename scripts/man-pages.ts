/**
 * Writes the manual below man/ from what `--help` is made of, and its list in package.json: `npm run man`. The pages
 * are in the repository, so that a package or an install needs nothing to have them; a test says when they are not
 * what `--help` says.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkoutRoot } from './checkout.js'
import { manPages } from './man/pages.js'

const root = join(checkoutRoot(), 'man')
const pages = manPages()
rmSync(root, { recursive: true, force: true })
for (const [path, page] of pages) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), page)
}
const description = join(checkoutRoot(), 'package.json')
const fields = JSON.parse(readFileSync(description, 'utf8')) as { man: string[] }
fields.man = [...pages.keys()].sort().map((path) => `./man/${path}`)
writeFileSync(description, `${JSON.stringify(fields, null, 2)}\n`)
console.log(`${pages.size} pages in man/: ${readdirSync(root).join(', ')}`)
