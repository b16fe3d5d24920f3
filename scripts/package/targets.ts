/** What every kind of package begins with: a folder to be left in, and the binaries of a machine. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { crossBuild, crossObstacle, type Machine } from './cross-build.js'
import { placeBinaries, placeForHost, prebuiltFolder, strip } from './prebuilt.js'

/** Where packages are left. */
export function packagesFolder(root: string): string {
  const folder = join(root, 'dist/packages')
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Puts the binaries for `machine` in their place, stripped; why that cannot be done, or null. */
export async function makeBinaries(root: string, machine: Machine): Promise<string | null> {
  const obstacle = crossObstacle(machine)
  if (obstacle !== null) return obstacle
  if (machine.arch === process.arch) await placeForHost(root)
  else placeBinaries(root, `linux-${machine.arch}`, crossBuild(root, machine))
  const tool = machine.arch === process.arch ? 'strip' : `${machine.tools}-strip`
  strip(join(prebuiltFolder(root), `linux-${machine.arch}`), tool)
  return null
}
