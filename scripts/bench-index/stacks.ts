/**
 * The layers that are mounted. Made ones have the same files whatever their number: every layer has every directory, as
 * images have whose layers all install something, and each file stands in one of them. Real ones are packages of this
 * machine, a group of them a layer, unpacked as dpkg unpacked them here.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './subjects.js'

const DIRECTORIES = 60
const FILES = 6000
const REAL_LAYERS = 40
const REAL_ENTRIES = 20_000
const DPKG = '/var/lib/dpkg/info'

function place(base: string, count: number): Place {
  const merged = join(base, 'm')
  mkdirSync(merged, { recursive: true })
  const lowers = Array.from({ length: count }, (_, layer) => String(layer))
  for (const lower of lowers) mkdirSync(join(base, lower))
  return { base, lowers, merged }
}

/** `count` layers that hold the same 6,000 files in the same 60 directories together. */
export function madeStack(base: string, count: number): Place {
  const made = place(base, count)
  for (const lower of made.lowers) {
    for (let at = 0; at < DIRECTORIES; at++) mkdirSync(join(base, lower, `usr/share/d${at}`), { recursive: true })
  }
  for (let file = 0; file < FILES; file++) {
    const layer = (file * 7919) % count
    writeFileSync(join(base, String(layer), `usr/share/d${file % DIRECTORIES}/file-${file}`), 'x')
  }
  return made
}

/** Packages of this machine in 40 layers; null where there is no dpkg. */
export function packageStack(base: string): Place | null {
  const lists = packageLists()
  if (lists.length < REAL_LAYERS) return null
  const real = place(base, REAL_LAYERS)
  let entries = 0
  for (const [at, list] of lists.entries()) {
    if (entries > REAL_ENTRIES) break
    const paths = readFileSync(join(DPKG, list), 'utf8')
      .split('\n')
      .filter((path) => path.length > 2)
    entries += paths.length
    copyInto(paths, join(base, real.lowers[at % REAL_LAYERS]!))
  }
  return real
}

/** The lists of packages, spread so that large and small ones come mixed. */
function packageLists(): string[] {
  try {
    return readdirSync(DPKG)
      .filter((name) => name.endsWith('.list'))
      .sort()
  } catch {
    return []
  }
}

function copyInto(paths: readonly string[], layer: string): void {
  const list = `${layer}.paths`
  writeFileSync(list, paths.map((path) => `.${path}\n`).join(''))
  const read = `tar -C / --no-recursion --ignore-failed-read -cf - -T '${list}' 2>/dev/null`
  execFileSync('sh', ['-c', `${read} | tar -C '${layer}' -xf - 2>/dev/null || true`])
  rmSync(list)
}
