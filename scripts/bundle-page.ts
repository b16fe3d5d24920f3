/**
 * The explorer's page: its modules and what they import as one script, its style, and its frame, below
 * dist/src/explore/page, from where `stratafs explore` serves them. Whoever has no esbuild has no page; the terminal
 * shows the same.
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkoutRoot } from './checkout.js'

/** Builds the page of the checkout at `root`; false without esbuild. */
async function bundlePage(root: string): Promise<boolean> {
  const esbuild = await import('esbuild').catch(() => null)
  if (esbuild === null) return false
  const from = join(root, 'src/explore/page')
  const to = join(root, 'dist/src/explore/page')
  mkdirSync(to, { recursive: true })
  await esbuild.build({
    entryPoints: [
      { in: join(from, 'main.tsx'), out: 'page' },
      { in: join(from, 'page.css'), out: 'page' },
    ],
    outdir: to,
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    charset: 'utf8',
    legalComments: 'eof',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfigRaw: {},
    logLevel: 'error',
  })
  copyFileSync(join(from, 'index.html'), join(to, 'index.html'))
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !(await bundlePage(checkoutRoot())))
  console.error('page: no esbuild here (npm ci brings it): stratafs explore shows its terminal form only')
