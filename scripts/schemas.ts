/**
 * Writes docs/schemas/ from the types of what commands print: `npm run schemas`. The schemas are in the repository and
 * in packages; a test says when they are not what the types say.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutRoot } from './checkout.js'
import { schemaFiles } from './schemas/generate.js'

const folder = join(checkoutRoot(), 'docs/schemas')
const files = schemaFiles(checkoutRoot())
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
for (const [name, text] of files) writeFileSync(join(folder, name), text)
console.log(`${files.size} schemas in docs/schemas`)
