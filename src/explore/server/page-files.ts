/** The page as the build left it (scripts/bundle-page.ts): three files, and nothing else of the disk. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import { packageRoot } from '../../base/package-files.js'

/** Below the package's root. */
const FOLDER = 'dist/src/explore/page'

const FILES: Readonly<Record<string, readonly [name: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
}

/** The file that is served at `path`; null where that is none of the page's. */
export function pageFile(path: string): { readonly type: string; readonly bytes: Buffer } | null {
  const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined
  return file === undefined ? null : { type: file[1], bytes: readFileSync(join(packageRoot(), FOLDER, file[0])) }
}

/** Throws StratafsError where the page was not built. */
export function checkPage(): void {
  if (existsSync(join(packageRoot(), FOLDER, 'page.js'))) return
  throw new StratafsError(
    `the page is not built (${join(packageRoot(), FOLDER)}): run npm ci and npm run build:ts, or use --terminal`,
    'MISSING_PROGRAM',
  )
}
