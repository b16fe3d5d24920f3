/**
 * `npm run bench:kill [-- KILLS [WORDS]]`: kill -9 of the serving process at random instants under programs that notice
 * what is lost. Prints the kills, what went wrong, and how long nothing was answered. WORDS: a part of what is printed
 * before the figures, as "data=cached: fsx", "ordinary user" or "upgrade".
 */
import { spawnSync } from 'node:child_process'
import { KillGround } from './kill/ground.js'
import { type KillResult, killUnder } from './kill/killing.js'
import { type Surroundings, surroundingsNamed } from './kill/surroundings.js'
import { upgradeUnder } from './kill/upgrading.js'
import { type KillWorkload, killWorkloads } from './kill/workloads.js'

const KILLS = 50
const UPGRADES = 10
/** Options, and where the mount is made. */
const MODES = [
  ['recover=on', 'root'],
  ['recover=on,data=cached', 'root'],
  ['recover=on,data=cached,writeback=1', 'root'],
  ['recover=on,host=off', 'root'],
  ['recover=on,size=1G', 'root'],
  ['recover=on', 'user namespace'],
  ['recover=on,redirect_dir=on', 'ordinary user'],
] as const

async function one(options: string, workload: KillWorkload, kills: number, around: Surroundings): Promise<KillResult> {
  const ground = new KillGround(options, workload, around)
  try {
    const before = ground.lowerSum()
    ground.mount()
    const result = await killUnder(ground, workload, kills, Date.now() & 0xffff)
    const fault = ground.lowerSum() === before ? result.fault : 'the lower layer has changed'
    return { ...result, fault }
  } finally {
    ground.remove()
  }
}

function figures(pauses: readonly number[]): string {
  const sorted = [...pauses].sort((a, b) => a - b)
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(0)
  return `pause ${at(0.5)} ms median, ${at(1)} ms worst`
}

/** Upgrades in a row under load; whether all was well. */
async function upgrades(): Promise<boolean> {
  const workload = killWorkloads[0]!
  const ground = new KillGround('recover=on', workload)
  try {
    ground.mount()
    const { pauses, fault } = await upgradeUnder(ground, workload, UPGRADES)
    process.stdout.write(`upgrade: ${workload.name}: ${pauses.length}, ${figures(pauses)}, ${fault ?? 'no error'}\n`)
    return fault === null
  } finally {
    ground.remove()
  }
}

/** What a program in a mount of fuse-overlayfs is told after the first kill; null where that is not installed. */
function peer(): string | null {
  const ground = new KillGround('')
  try {
    const pid = ground.mountPeer()
    if (pid === null) return null
    process.kill(pid, 'SIGKILL')
    const { stderr } = spawnSync('stat', [`${ground.merged}/never-there`], { encoding: 'utf8', timeout: 10_000 })
    return stderr.trim().split(': ').at(-1) ?? ''
  } finally {
    ground.remove()
  }
}

/** Every workload in one of the modes; how many found a fault. */
async function all([options, place]: (typeof MODES)[number], kills: number, only: string): Promise<number> {
  const name = place === 'root' ? options : `${options} (${place})`
  const wanted = killWorkloads.filter((workload) => `${name}: ${workload.name}`.includes(only))
  const possible = wanted.filter(({ needs }) => needs.every((program) => spawnSync('which', [program]).status === 0))
  const around = possible.length === 0 ? null : await surroundingsNamed(place)
  if (around === null) return 0
  let faults = 0
  for (const workload of possible) {
    if (workload.ofRoot && place !== 'root') continue
    const { pauses, done, fault, ...result } = await one(options, workload, kills, around)
    if (fault !== null) faults++
    everyPause.push(...pauses)
    const said = `${done}; ${result.kills} kills, ${figures(pauses)}, ${fault ?? 'no error'}`
    process.stdout.write(`${name}: ${workload.name}: ${said}\n`)
  }
  around.end()
  return faults
}

const everyPause: number[] = []

async function main(): Promise<number> {
  const [count = String(KILLS), only = ''] = process.argv.slice(2)
  let faults = 0
  for (const mode of MODES) faults += await all(mode, Number(count), only)
  process.stdout.write(`${everyPause.length} kills, ${figures(everyPause)}, ${faults} faults\n`)
  if ('upgrade'.includes(only) && !(await upgrades())) faults++
  const said = 'fuse-overlayfs'.includes(only) ? peer() : null
  if (said !== null) process.stdout.write(`fuse-overlayfs: after the first kill a program is told: ${said}\n`)
  return faults === 0 ? 0 : 1
}

process.exit(await main())
