/**
 * The package as npm takes it: everything built, for each machine that is supported, and nothing that only development
 * needs (`files` in package.json). Plain `npm pack` after a build makes the same for this machine alone.
 *
 * Usage: node dist/scripts/package-npm.js [--host]     (--host: for this machine only)
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkoutRoot } from './checkout.js'
import { MACHINES } from './package/cross-build.js'
import { makeBinaries, packagesFolder } from './package/targets.js'

async function main(root: string): Promise<number> {
  const wanted = process.argv.includes('--host') ? MACHINES.filter(({ arch }) => arch === process.arch) : MACHINES
  for (const machine of wanted) {
    const obstacle = await makeBinaries(root, machine)
    if (obstacle === null) continue
    console.error(`package: no binaries for linux-${machine.arch}: ${obstacle}; --host makes a package without them`)
    return 1
  }
  const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', packagesFolder(root)]
  const name = execFileSync('npm', words, { cwd: root, encoding: 'utf8' }).trim()
  console.log(join(packagesFolder(root), name))
  return 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(checkoutRoot())
