/**
 * Which layer does a file come from, and why do the others not show it? No mount is needed: `node which-layer.mjs PATH
 * LOWER…`
 */
import { StratafsError, which } from 'stratafs'

const [path, ...lower] = process.argv.slice(2)
if (path === undefined || lower.length === 0) {
  console.error('usage: node which-layer.mjs PATH LOWER…   (the topmost LOWER first; PATH from their root)')
  process.exit(2)
}

try {
  const { layer, realpath, also } = await which(path, { lower })
  console.log(layer === null ? `${path} does not show` : `${path} is ${realpath}`)
  for (const { root, why } of also) console.log(`  also in ${root}: ${why}`)
} catch (error) {
  if (!(error instanceof StratafsError)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}
