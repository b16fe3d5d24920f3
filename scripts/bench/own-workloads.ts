/** The workloads about mounts themselves: how long one takes to stand, what it costs in memory, what ten share. */
import { readFileSync } from 'node:fs'
import type { OwnWorkload } from './any-workload.js'
import { kilobytes, memoryOf } from './daemons.js'
import type { Layers, Mounted } from './sides.js'
import { dropCaches, type Stage } from './stage.js'

const STARTS = 3
const SHARERS = 10

/** From the command to the answer of the mount. */
export const start: OwnWorkload = {
  measures: [{ id: 'start', title: 'start of a mount until it answers', unit: 's' }],
  async run(stage) {
    const taken: number[] = []
    for (let i = 0; i < STARTS; i++) {
      const layers = stage.layers([stage.material.rootfs], 'disk', 'start')
      const begin = performance.now()
      const mounted = await stage.side.mount(layers)
      await stage.step({ run: 'test -d "$M/usr"' }, layers.merged)
      taken.push((performance.now() - begin) / 1000)
      await stage.clear(mounted, layers)
    }
    return { start: Math.min(...taken) }
  },
}

const FURTHER = 10

/** What a mount costs where one stands already, and what many cost together. */
export const further: OwnWorkload = {
  measures: [
    { id: 'start-further', title: 'a further mount, one standing already', unit: 's' },
    { id: 'end-further', title: 'its unmount', unit: 's' },
    { id: 'pss-further', title: 'memory (PSS) of each of 30 mounts, all of one image, at rest', unit: 'MB' },
    { id: 'pss-next', title: 'of it what each mount after the first one adds', unit: 'MB' },
    { id: 'pss-next-walk', title: 'the same after a walk of its tree', unit: 'MB' },
  ],
  async run(stage) {
    const standing = await one(stage, 'standing')
    const begun: number[] = []
    const ended: number[] = []
    for (let i = 0; i < FURTHER; i++) {
      const layers = stage.layers([stage.material.rootfs], 'disk', `further-${i}`)
      const mounted = await stage.side.mount(layers)
      begun.push(mounted.took)
      await stage.step({ run: 'test -d "$M/usr"; sleep 0.2' }, layers.merged)
      const begin = performance.now()
      await mounted.end()
      ended.push((performance.now() - begin) / 1000)
      await stage.clear({ ...mounted, end: async () => {} }, layers)
    }
    await stage.clear(standing.mounted, standing.layers)
    return { 'start-further': median(begun), 'end-further': median(ended), ...(await memoryOfMany(stage)) }
  },
}

const MANY = 30
const WALKED = 10

async function memoryOfMany(stage: Stage): Promise<Record<string, number>> {
  const mounts = [await one(stage, 'many-0')]
  const settled = async (run = 'sleep 2'): Promise<number> => {
    await stage.step({ run }, mounts[0]!.layers.merged)
    return memoryOf(mounts.flatMap(({ mounted }) => mounted.daemons)).pss
  }
  const alone = await settled()
  while (mounts.length < MANY) mounts.push(await one(stage, `many-${mounts.length}`))
  const all = await settled()
  for (const { layers } of mounts.slice(-WALKED)) await stage.step({ run: 'find "$M" -xdev -ls' }, layers.merged)
  const walked = await settled()
  for (const { mounted, layers } of mounts.reverse()) await stage.clear(mounted, layers)
  const next = (all - alone) / (MANY - 1)
  return { 'pss-further': all / MANY, 'pss-next': next, 'pss-next-walk': next + (walked - all) / WALKED }
}

async function one(stage: Stage, name: string): Promise<{ layers: Layers; mounted: Mounted }> {
  const layers = stage.layers([stage.material.rootfs], 'disk', name)
  return { layers, mounted: await stage.side.mount(layers) }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** Of the processes that serve the mount. */
export const memory: OwnWorkload = {
  measures: [
    { id: 'rss-rest', title: "the daemon's memory (RSS) at rest", unit: 'MB' },
    { id: 'pss-rest', title: 'the same as PSS', unit: 'MB' },
    { id: 'rss-walk', title: 'RSS after a walk of the whole tree', unit: 'MB' },
    { id: 'pss-walk', title: 'the same as PSS', unit: 'MB' },
  ],
  async run(stage) {
    const layers = stage.layers([stage.material.rootfs], 'disk', 'memory')
    const mounted = await stage.side.mount(layers)
    await stage.step({ run: 'test -d "$M/usr"; sleep 1' }, layers.merged)
    const rest = memoryOf(mounted.daemons)
    await stage.step({ run: 'find "$M" -xdev -ls' }, layers.merged)
    const walked = memoryOf(mounted.daemons)
    await stage.clear(mounted, layers)
    return { 'rss-rest': rest.rss, 'pss-rest': rest.pss, 'rss-walk': walked.rss, 'pss-walk': walked.pss }
  },
}

/** How much the page cache grows when ten mounts of one base read the same file. */
export const pageCache: OwnWorkload = {
  measures: [{ id: 'page-cache', title: 'page cache after 10 mounts have read the same file', unit: 'MB' }],
  once: true,
  async run(stage) {
    await dropCaches()
    const before = cached()
    const mounts: { layers: Layers; mounted: Mounted }[] = []
    for (let i = 0; i < SHARERS; i++) mounts.push(await reader(stage, i))
    const grown = cached() - before
    for (const { layers, mounted } of mounts) await stage.clear(mounted, layers)
    return { 'page-cache': grown }
  },
}

async function reader(stage: Stage, i: number): Promise<{ layers: Layers; mounted: Mounted }> {
  const layers = stage.layers([stage.material.big], 'disk', `share-${i}`)
  const mounted = await stage.side.mount(layers)
  await stage.step({ run: 'cat "$M/shared"' }, layers.merged)
  return { layers, mounted }
}

/** MB of file pages in memory. */
function cached(): number {
  return kilobytes(readFileSync('/proc/meminfo', 'utf8'), 'Cached') / 1024
}
