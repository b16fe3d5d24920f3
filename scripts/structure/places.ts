/** No tracked file speaks of the place where somebody's checkout happens to lie. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Folders that every system has: below them, only a longer path says where somebody works. */
const COMMON = new Set(['home', 'tmp', 'usr', 'var', 'opt', 'srv', 'mnt', 'media', 'root', 'run', 'data'])

/**
 * The beginning of `root` that no file of the project has a reason to name, such as `/home/ann/`; null for `/stratafs`.
 */
export function privatePrefix(root: string): string | null {
  const parts = root.split('/').filter((part) => part !== '')
  if (parts.length < 2) return null
  return `/${parts.slice(0, COMMON.has(parts[0]!) ? 2 : 1).join('/')}/`
}

/** Every tracked file that is there, relative to `root`. */
export function trackedFiles(root: string): string[] {
  return execFileSync('git', ['-C', root, 'ls-files', '-z'], { encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)))
}

/** Tracked text files that name the place of this checkout: one line each. */
export function checkPlaces(root: string): string[] {
  const prefix = privatePrefix(root)
  if (prefix === null) return []
  const pattern = new RegExp(`(^|[\\s"'\`(=:,])${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)
  const faults: string[] = []
  for (const file of trackedFiles(root)) {
    const lines = readFileSync(join(root, file), 'latin1').split('\n')
    lines.forEach((line, at) => {
      if (pattern.test(line)) faults.push(`${file}:${at + 1}: names ${prefix}, a place of one machine only`)
    })
  }
  return faults
}
