/**
 * What did an upper directory change? Prints it, and writes it as an OCI layer. Nothing need be mounted:
 * `node diff-to-tar.mjs UPPER OUTPUT.tar[.gz|.zst] LOWER…`
 */
import { commit, diff } from 'stratafs'

const [upper, output, ...lower] = process.argv.slice(2)
if (upper === undefined || output === undefined || lower.length === 0) {
  console.error('usage: node diff-to-tar.mjs UPPER OUTPUT.tar[.gz|.zst] LOWER…   (the topmost LOWER first)')
  process.exit(2)
}

for (const { change, path, kind } of await diff({ upper, lower })) console.log(`${change} ${kind} ${path}`)

// With a timestamp the same tree gives the same bytes.
const layer = await commit({ upper, lower }, output, { timestamp: 0 })
console.log(`${output}: ${layer.entries} entries, ${layer.whiteouts} whiteouts, ${layer.diffID}`)
