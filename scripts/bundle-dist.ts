/**
 * The last step of the build: what starts with a mount is about a hundred small modules in each of its places (the
 * command, the background process, the engine's thread), and finding and loading them costs more than running them. So
 * the modules of each place that can begin are joined into one file, with V8's code for it beside it
 * (docs/decisions/0014).
 *
 * The joined files lie in dist/src/joined under names that carry a hash of what they contain. What runs them takes the
 * place of the output of the `.cts` file of that place, which of its own loads the modules one by one. So tsc, run
 * alone, puts the modules back as they were compiled, and a joined file of older modules is never run. Without esbuild
 * nothing is joined.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'esbuild'
import { rehearse } from './bundle/rehearse.js'
import { cacheName, PARAMETERS, startText } from './bundle/start-text.js'
import { checkoutRoot } from './checkout.js'

type Build = typeof import('esbuild').build

/**
 * Where something begins and what it loads, below src/ and dist/src/; how far it is run to know which of its code is
 * needed.
 */
export const PLACES = [
  { begin: 'cli/stratafs', modules: 'cli/main', rehearsal: 'command' },
  { begin: 'cli/launched-main', modules: 'cli/launched-main', rehearsal: 'launched' },
  { begin: 'daemon/process/background-main', modules: 'daemon/process/background-main', rehearsal: 'background' },
  { begin: 'daemon/engine/engine-worker', modules: 'daemon/engine/engine-worker', rehearsal: 'engine' },
  { begin: 'daemon/deferred/first-request-worker', modules: 'daemon/deferred/first-request-worker', rehearsal: 'none' },
  { begin: 'daemon/hybrid/image/image-worker', modules: 'daemon/hybrid/image/image-worker', rehearsal: 'none' },
  { begin: 'daemon/engine/detach-main', modules: 'daemon/engine/detach-main', rehearsal: 'none' },
  { begin: 'owner-index/build/build-worker', modules: 'owner-index/build/build-worker', rehearsal: 'none' },
  { begin: 'owner-index/writer/writer-worker', modules: 'owner-index/writer/writer-worker', rehearsal: 'none' },
  { begin: 'snapshotter/snapshotter-main', modules: 'snapshotter/snapshotter-main', rehearsal: 'none' },
  { begin: 'snapshotter/diff/unpack-worker', modules: 'snapshotter/diff/unpack-worker', rehearsal: 'none' },
  { begin: 'oci/tar/write-worker', modules: 'oci/tar/write-worker', rehearsal: 'none' },
] as const
type Place = (typeof PLACES)[number]

/** The folder of joined files, below dist/src. */
const JOINED = 'joined'
/** The folder of their packages' licences, likewise. */
const LICENSES = 'licenses'

/** Packages with parts in machine code; they are looked for when they are needed. */
const APART = ['better-sqlite3', 'fuse-native', 'zstd-napi']

/**
 * Keeps `import.meta.url` what it was: a module's own place, from which it finds files of its package and other
 * packages.
 */
function ownPlaces(outputs: string): Plugin {
  return {
    name: 'own places',
    setup(build) {
      build.onLoad({ filter: /\.m?js$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8')
        if (!text.includes('import.meta.url')) return undefined
        const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)/.exec(path)
        const place = inPackage === null ? [relative(join(outputs, JOINED), path)] : inPackage.slice(1)
        const contents = text.replaceAll('import.meta.url', `__at(${place.map((part) => `'${part}'`).join(', ')})`)
        return { contents, loader: 'js', resolveDir: dirname(path) }
      })
    },
  }
}

interface Joined {
  readonly text: string
  readonly map: string
  /** Packages that it holds, below node_modules. */
  readonly packages: readonly string[]
}

async function joinModules(build: Build, outputs: string, place: Place): Promise<Joined> {
  const outfile = join(outputs, JOINED, 'x.cjs')
  const { outputFiles, metafile } = await build({
    entryPoints: [join(outputs, `${place.modules}.js`)],
    outfile,
    // So that the same modules give the same text wherever they lie, and node_modules is a link.
    absWorkingDir: dirname(dirname(outputs)),
    preserveSymlinks: true,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // Read back one byte for each character.
    charset: 'ascii',
    // Not what the checkout says to tsc, which has done its part.
    tsconfigRaw: {},
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'eof',
    sourcemap: 'external',
    sourcesContent: false,
    external: APART,
    banner: { js: `(function(${PARAMETERS}){"use strict";` },
    footer: { js: '})' },
    metafile: true,
    plugins: [ownPlaces(outputs)],
    logLevel: 'error',
  })
  for (const { path } of Object.values(metafile.outputs).flatMap((output) => output.imports)) {
    if (!isBuiltin(path))
      throw new Error(`${place.begin}: ${path} is loaded by no path that is known when it is joined`)
  }
  const textOf = (ending: string) => outputFiles.find((file) => file.path.endsWith(ending))!.text
  const packages = Object.keys(metafile.inputs).flatMap((path) => packageOf(path) ?? [])
  return { text: textOf('.cjs'), map: textOf('.map'), packages: [...new Set(packages)].sort() }
}

/** The package that a module lies in; one inside another counts by itself. */
function packageOf(path: string): string | undefined {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
}

function isBuiltin(path: string): boolean {
  return path.startsWith('node:') || APART.includes(path) || builtinModules.includes(path)
}

function joinPlace(outputs: string, place: Place, joined: Joined): string[] {
  const hash = createHash('sha256').update(joined.text).digest('hex').slice(0, 12)
  const name = `${basename(place.begin)}-${hash}.cjs`
  const file = join(outputs, JOINED, name)
  put(file, joined.text)
  put(`${file}.map`, joined.map)
  const cache = cacheName(file)
  put(cache, rehearse(file, place.rehearsal))
  const start = join(outputs, `${place.begin}.cjs`)
  put(start, startText(`${relative(dirname(place.begin), JOINED)}/${name}`, `./${basename(place.modules)}.js`))
  chmodSync(start, 0o755)
  rmSync(`${start}.map`, { force: true })
  return [name, `${name}.map`, basename(cache)]
}

/** The licence of each package that is in a joined file lies with them: some are shipped in no other form. */
function keepLicenses(outputs: string, packages: readonly string[]): void {
  rmSync(join(outputs, LICENSES), { recursive: true, force: true })
  for (const name of packages) {
    const folder = join(outputs, '../../node_modules', name)
    const texts = existsSync(folder) ? readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file)) : []
    for (const text of texts) {
      mkdirSync(join(outputs, LICENSES, name), { recursive: true })
      copyFileSync(join(folder, text), join(outputs, LICENSES, name, text))
    }
  }
}

/** Replaces `path` in one step, with everything of it on disk before: V8 believes the code it is given. */
function put(path: string, bytes: string | Buffer): void {
  const fd = openSync(`${path}.new`, 'w', 0o644)
  writeFileSync(fd, bytes)
  fsyncSync(fd)
  closeSync(fd)
  renameSync(`${path}.new`, path)
}

/** esbuild, or null where it is not installed or has no program for this machine. */
async function findEsbuild(): Promise<Build | null> {
  try {
    const { build } = await import('esbuild')
    await build({ stdin: { contents: '' }, write: false })
    return build
  } catch {
    return null
  }
}

/** Joins what is in `outputs` (a dist/src); false, and nothing changed, without esbuild. */
export async function joinAll(outputs: string): Promise<boolean> {
  const build = await findEsbuild()
  if (build === null) return false
  // An incremental tsc would take the joined files for its own output, and not put that back.
  rmSync(join(outputs, '..', '.tsbuildinfo'), { force: true })
  const folder = join(outputs, JOINED)
  mkdirSync(folder, { recursive: true })
  const made: string[] = []
  const packages = new Set<string>()
  for (const place of PLACES) {
    const joined = await joinModules(build, outputs, place)
    made.push(...joinPlace(outputs, place, joined))
    for (const name of joined.packages) packages.add(name)
  }
  keepLicenses(outputs, [...packages])
  for (const name of readdirSync(folder)) if (!made.includes(name)) rmSync(join(folder, name))
  return true
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !(await joinAll(join(checkoutRoot(), 'dist/src')))) {
  console.error('join: no esbuild here (npm ci brings it): the modules stay in files of their own, and start slower')
}
