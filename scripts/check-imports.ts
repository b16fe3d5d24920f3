/**
 * The order of the source folders, as a check: an import may point only down ORDER, or stay within its own folder. That
 * is what keeps the engine testable without a mount, and a second transport possible. Two more rules hang on it: only
 * syscalls/ knows the addon, and no tracked file speaks of the place where somebody's checkout happens to lie.
 * Run alone (`node dist/scripts/check-imports.js`) it prints what is wrong; `npm test` runs it as a test.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folders of src/, top first. `src` is the library's entry, a file directly in src/, which the commands are built on. */
export const ORDER = [
  'cli',
  'src',
  'oci',
  'daemon',
  'transport',
  'session',
  'operations',
  'union',
  'index',
  'layers',
  'syscalls',
  'protocol',
  'base',
] as const

/** The root of the checkout that this file was compiled in. */
export function checkoutRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.slice(0, here.lastIndexOf(`${sep}dist${sep}`))
}

/** Every `.ts` and `.cts` file below `folder`, as paths relative to `root`. */
export function sourceFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.c?ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*|\bnew URL\s*\(\s*)['"](\.{1,2}\/[^'"]+)['"]/g

/** The relative specifiers that `text` imports, exports from, requires or loads as a worker. */
export function specifiersIn(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1]!)
}

/** Position in ORDER of the file at `path` (relative to the root); -1 where its folder has no place. */
function levelOf(path: string): number {
  return ORDER.indexOf(basename(dirname(path.split(sep).slice(0, 3).join(sep))) as (typeof ORDER)[number])
}

/** What is wrong with one import, or null. `file` and `target` are relative to the root. */
export function judgeImport(file: string, target: string): string | null {
  if (target.includes('native-bindings')) {
    return file.startsWith(join('src', 'syscalls')) ? null : `${file}: only src/syscalls imports the addon (${target})`
  }
  // Read at run time, relative to the compiled file.
  if (basename(target) === 'package.json') return null
  if (!target.startsWith(`src${sep}`)) return `${file}: imports ${target}, outside src`
  const from = levelOf(file)
  const to = levelOf(target)
  if (to >= from) return null
  return `${file}: imports ${target}, which is above it (${ORDER.join(' > ')})`
}

/** Every import of `src` that breaks the order, one line each; also folders that have no place in it. */
export function checkImports(root: string): string[] {
  const faults: string[] = []
  for (const file of sourceFiles(root, 'src')) {
    if (levelOf(file) < 0) faults.push(`${file}: its folder has no place in the order`)
    for (const specifier of specifiersIn(readFileSync(join(root, file), 'utf8'))) {
      const fault = judgeImport(file, normalize(join(dirname(file), specifier)))
      if (fault !== null) faults.push(fault)
    }
  }
  return faults
}

/** Folders that every system has: below them, only a longer path says where somebody works. */
const COMMON = new Set(['home', 'tmp', 'usr', 'var', 'opt', 'srv', 'mnt', 'media', 'root', 'run', 'data'])

/** The beginning of `root` that no file of the project has a reason to name, such as `/home/ann/`; null for `/stratafs`. */
export function privatePrefix(root: string): string | null {
  const parts = root.split('/').filter((part) => part !== '')
  if (parts.length < 2) return null
  return `/${parts.slice(0, COMMON.has(parts[0]!) ? 2 : 1).join('/')}/`
}

/** Tracked text files that name the place of this checkout: one line each. */
export function checkPlaces(root: string): string[] {
  const prefix = privatePrefix(root)
  if (prefix === null) return []
  const pattern = new RegExp(`(^|[\\s"'\`(=:,])${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)
  const faults: string[] = []
  for (const file of execFileSync('git', ['-C', root, 'ls-files', '-z'], { encoding: 'utf8' }).split('\0')) {
    if (file === '' || !existsSync(join(root, file))) continue
    const lines = readFileSync(join(root, file), 'latin1').split('\n')
    lines.forEach((line, at) => {
      if (pattern.test(line)) faults.push(`${file}:${at + 1}: names ${prefix}, a place of one machine only`)
    })
  }
  return faults
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = checkImports(checkoutRoot())
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
