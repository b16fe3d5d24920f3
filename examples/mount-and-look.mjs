/**
 * Mounts layers as one directory, shows what is in it, and unmounts: `node mount-and-look.mjs MERGED UPPER LOWER…` (as
 * root).
 */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect, mount } from 'stratafs'

const [merged, upper, ...lower] = process.argv.slice(2)
if (merged === undefined || upper === undefined || lower.length === 0) {
  console.error('usage: node mount-and-look.mjs MERGED UPPER LOWER…   (the topmost LOWER first)')
  process.exit(2)
}

const root = await mount(merged, { lower, upper })
try {
  for (const warning of root.warnings) console.warn(warning)
  console.log((await readdir(merged)).sort().join(' '))
  // Changes go to UPPER; the LOWER directories stay as they are.
  await writeFile(join(merged, 'written-through-the-mount'), 'hello\n')
  const { GraphDriver, Mode, Pid } = await inspect(merged)
  console.log(`${Mode}, served by process ${Pid}, changes in ${GraphDriver.Data.UpperDir}`)
} finally {
  await root.unmount()
}
