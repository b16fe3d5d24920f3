/**
 * Writes completions/ from the commands and mount options: `npm run completion`. The scripts are in the repository and
 * in packages, so that no shell has to start anything to read them; a test says when they are not what `--help` says.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutRoot } from './checkout.js'
import { completionFiles } from './completion/files.js'

const folder = join(checkoutRoot(), 'completions')
mkdirSync(folder, { recursive: true })
for (const [name, text] of completionFiles()) writeFileSync(join(folder, name), text)
console.log(`completions/: ${[...completionFiles().keys()].join(', ')}`)
