/**
 * What containers cost with stratafs as podman's mount program, beside fuse-overlayfs, in one run, in turn: a build of
 * 16 instructions (as root and as an ordinary user, on a machine that does nothing else and on one whose processors are
 * busy), `podman run --rm`, and 30 containers started side by side and removed. Prints medians and, of each, the
 * multiple of fuse-overlayfs's. Everything lies in namespaces and a folder of its own.
 *
 * Usage: npm run bench:containers [-- --rounds N] [--only build|busy|run|many] [--json]
 * As root; it needs podman, fuse-overlayfs and busybox-static, which scripts/setup.sh attach installs.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Figure } from './bench-containers/measures.js'
import { checkoutRoot } from './checkout.js'

const PARTS = ['build', 'busy', 'run', 'many']

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** Runs a program to its end; it must not fail. */
function run(program: string, words: readonly string[]): void {
  const { status, signal } = spawnSync(program, words, { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`${program} ended with ${status ?? signal}`)
}

/** Measures in namespaces of their own, in `room`. */
function measure(room: string, rounds: string, only: string): Figure[] {
  const root = checkoutRoot()
  const install = join(room, 'install')
  run('bash', [join(root, 'scripts/install.sh'), '--prefix', install, '--as-fuse-overlayfs', join(install, 'alias')])
  const player = join(root, 'dist/scripts/bench-containers/measures.js')
  const result = join(room, 'result.json')
  const ground = ['bash', join(root, 'test/attach/ground.sh'), room]
  const words = [...ground, process.execPath, player, room, result, rounds, only]
  run('unshare', ['-m', '-p', '-f', '--mount-proc', '--kill-child', ...words])
  return JSON.parse(readFileSync(result, 'utf8')) as Figure[]
}

function print(figures: readonly Figure[]): void {
  for (const { what, unit, values } of figures) {
    const peer = median(values['fuse-overlayfs'])
    const own = median(values.stratafs)
    const digits = peer < 10 ? 2 : 0
    const sides = `${peer.toFixed(digits)} ${unit}  ${own.toFixed(digits)} ${unit}`
    console.log(`${what.padEnd(62)} ${sides.padStart(20)}  ${(own / peer).toFixed(2)}x`)
  }
}

function main(): void {
  const options = { rounds: { type: 'string' }, only: { type: 'string' }, json: { type: 'boolean' } } as const
  const { values } = parseArgs({ options })
  const { rounds = '3', only = '', json } = values
  if (!/^[1-9]\d*$/.test(rounds)) throw new Error(`--rounds takes a number, not “${rounds}”`)
  if (only !== '' && !PARTS.includes(only)) throw new Error(`--only takes one of ${PARTS.join(', ')}, not “${only}”`)
  if (process.getuid?.() !== 0) throw new Error('it needs root: podman is run in namespaces of its own')
  const room = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'stratafs-containers-'))
  // An ordinary user's storage lies in it.
  chmodSync(room, 0o755)
  try {
    const figures = measure(room, rounds, only)
    if (json) console.log(JSON.stringify(figures))
    else print(figures)
  } finally {
    rmSync(room, { recursive: true, force: true })
  }
}

try {
  main()
} catch (error) {
  console.error(`bench:containers: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
