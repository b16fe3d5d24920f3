/**
 * Where this package's own files lie: its root, and what it has in machine code. scripts/package/prebuilt.ts puts those
 * files there, for this machine in a checkout, for every supported machine in a package.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Below the package's root: a folder for each machine, and `packages` for the JavaScript of others that goes with it.
 */
const PREBUILT = 'native-bindings/prebuilt'

/** The package's directory: the nearest one above that has a package.json, for this file runs from dist/ too. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`)
    directory = parent
  }
  return directory
}

/** `linux-x64`, `linux-arm64`: the machine this process runs on, as folders are named. */
export const MACHINE = `${process.platform}-${process.arch}`

/** Paths of the file `name` that is made for this machine: for glibc, then for musl. Those that exist. */
export function prebuiltFiles(name: string): string[] {
  const folders = [MACHINE, MACHINE.replace('linux-', 'linuxmusl-')]
  return folders.map((folder) => join(packageRoot(), PREBUILT, folder, name)).filter((path) => existsSync(path))
}

/** The folder of the package `name` that is shipped with ours, or null where it is not. */
export function shippedPackage(name: string): string | null {
  const folder = join(packageRoot(), PREBUILT, 'packages', name)
  return existsSync(folder) ? folder : null
}

/**
 * What to do where something in machine code is missing or does not fit: in a checkout, else in an installed package.
 */
export function rebuildRemedy(): string {
  return existsSync(join(packageRoot(), 'src'))
    ? 'npm run build:native builds it; it needs g++, make and python3'
    : 'npm rebuild stratafs builds it; it needs g++, make and python3'
}
