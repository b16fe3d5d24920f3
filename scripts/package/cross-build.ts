/**
 * Binaries for the other supported machine, built here by Debian's cross compiler. Each thing is built in a copy below
 * .cache that is kept by version, so that making a package again costs a moment.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Binaries, SQLITE_OF_ABI } from './prebuilt.js'

/** A machine that packages are made for. */
export interface Machine {
  /** As Node names it. */
  readonly arch: 'x64' | 'arm64'
  readonly debian: 'amd64' | 'arm64'
  /** What GNU tools for it begin with. */
  readonly tools: string
}

export const MACHINES: readonly Machine[] = [
  { arch: 'x64', debian: 'amd64', tools: 'x86_64-linux-gnu' },
  { arch: 'arm64', debian: 'arm64', tools: 'aarch64-linux-gnu' },
]

/** Why binaries for `machine` cannot be made here, or null. */
export function crossObstacle({ arch, tools }: Machine): string | null {
  if (arch === process.arch || spawnSync(`${tools}-g++`, ['--version']).status === 0) return null
  return `no ${tools}-g++ (apt-get install g++-${tools})`
}

/** Builds for another machine; where each binary is. */
export function crossBuild(root: string, machine: Machine): Binaries {
  const modules = join(root, 'node_modules')
  const addon = buildCopy(root, machine, join(root, 'native-bindings'), sourcesName(root))
  const sqlite = buildCopy(root, machine, join(modules, 'better-sqlite3'), versionOf(modules, 'better-sqlite3'))
  const zstd = buildCopy(root, machine, join(modules, 'zstd-napi'), versionOf(modules, 'zstd-napi'))
  return {
    'stratafs.node': join(addon, 'stratafs.node'),
    launch: join(addon, 'launch'),
    [SQLITE_OF_ABI]: join(sqlite, 'better_sqlite3.node'),
    'better-sqlite3-napi.node': join(modules, `better-sqlite3-napi/prebuilds/linux-${machine.arch}.node`),
    'zstd.node': join(zstd, 'binding.node'),
  }
}

function versionOf(modules: string, name: string): string {
  return JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version
}

/** A name for the addon's sources as they are. */
function sourcesName(root: string): string {
  const folder = join(root, 'native-bindings/src')
  const files = [
    ...readdirSync(folder)
      .map((name) => join(folder, name))
      .sort(),
    join(root, 'native-bindings/binding.gyp'),
  ]
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file.slice(root.length)}\0`).update(readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}

/** Runs node-gyp on a copy of the folder `from`; the folder of what came out. */
function buildCopy(root: string, { arch, tools }: Machine, from: string, version: string): string {
  const name = `${basename(from)}-${version}-node${process.versions.modules}`
  // Below node_modules, where a package finds what it is built with.
  const place = join(root, '.cache/cross', arch, 'node_modules', name)
  const release = join(place, 'build/Release')
  if (existsSync(join(place, 'built'))) return release
  rmSync(place, { recursive: true, force: true })
  mkdirSync(dirname(place), { recursive: true })
  const isNeeded = (path: string) => !/\/(build|prebuilt)(\/|$)/.test(path.slice(from.length))
  cpSync(from, place, { recursive: true, dereference: true, filter: isNeeded })
  for (const needed of ['node-addon-api'])
    if (!existsSync(join(dirname(place), needed)))
      cpSync(join(root, 'node_modules', needed), join(dirname(place), needed), { recursive: true })
  const compilers = { CC: `${tools}-gcc`, CXX: `${tools}-g++`, LINK: `${tools}-g++`, AR: `${tools}-ar` }
  execFileSync(join(root, 'node_modules/.bin/node-gyp'), ['rebuild', '-C', place, `--arch=${arch}`, '--silent'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...withHeaders(), ...compilers },
  })
  execFileSync('touch', [join(place, 'built')])
  return release
}

/** node-gyp fetches Node's headers, unless they lie beside the node that runs. */
function withHeaders(): NodeJS.ProcessEnv {
  const prefix = resolve(process.execPath, '../..')
  const { env } = process
  if (env.npm_config_nodedir !== undefined || !existsSync(join(prefix, 'include/node/node_api.h'))) return env
  return { ...env, npm_config_nodedir: prefix }
}
