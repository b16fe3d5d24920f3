/** What a mount that was killed under must not leave: nodes, descriptors, processes, files in its workdir. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KillGround } from './ground.js'

const TRIES = 40
const WAIT_MS = 250
/** The root, and what a cached name of a parent may hold. */
const MOST_NODES = 2

/** Looks, and unmounts; null: nothing is left, or what is. */
export async function leftovers(ground: KillGround): Promise<string | null> {
  const kept = (await nodesLeft(ground)) ?? (await descriptorsLeft(ground)) ?? indexDiffers(ground)
  if (kept !== null) return kept
  const { status, stderr } = ground.unmount()
  if (status !== 0) return `it cannot be unmounted: ${stderr.trim()}`
  for (let left = ground.processes(); left.length > 0; left = ground.processes()) {
    // A copy of the mount in a namespace that somebody else has made is none of its business.
    if (isElsewhere(ground.merged)) tries = 0
    else if (!(await again())) return `processes are left: ${left.join(', ')}`
    await sleep(WAIT_MS)
  }
  tries = 0
  const files = fs.readdirSync(join(ground.root, 'work/work'))
  return files.length === 0 ? null : `files are left in the workdir: ${files.slice(0, 5).join(', ')}`
}

/** Whether a mount namespace of any process has something mounted on `mountpoint`. */
export function isElsewhere(mountpoint: string): boolean {
  const has = (pid: string): boolean => {
    try {
      return fs.readFileSync(`/proc/${pid}/mountinfo`, 'latin1').includes(` ${mountpoint} `)
    } catch {
      return false
    }
  }
  return fs.readdirSync('/proc').some((name) => /^\d+$/.test(name) && has(name))
}

let tries = 0

async function again(): Promise<boolean> {
  if (++tries > TRIES) return false
  await sleep(WAIT_MS)
  return true
}

async function nodesLeft(ground: KillGround): Promise<string | null> {
  for (tries = 0; ; ) {
    fs.writeFileSync('/proc/sys/vm/drop_caches', '2')
    const { stdout } = ground.launch('stats', '--json', ground.merged)
    const { nodes } = (JSON.parse(stdout) as { mounts: { counters: { nodes: number } }[] }).mounts[0]!.counters
    if (nodes <= MOST_NODES) break
    if (!(await again())) return `${nodes} nodes are remembered`
  }
  tries = 0
  return null
}

/** Open files that have no name any more. A thread of its own closes them, which may take its time. */
async function descriptorsLeft(ground: KillGround): Promise<string | null> {
  for (tries = 0; ; ) {
    const folder = `/proc/${ground.server}/fd`
    const targets = fs.readdirSync(folder).map((fd) => targetOf(join(folder, fd)))
    const gone = targets.filter((target) => target.endsWith(' (deleted)') && !/^\/(memfd:|dev\/zero)/.test(target))
    if (gone.length === 0) break
    if (!(await again())) return `${gone.length} files without a name are open: ${gone.slice(0, 3).join(', ')}`
  }
  tries = 0
  return null
}

function targetOf(link: string): string {
  try {
    return fs.readlinkSync(link)
  } catch {
    return ''
  }
}

function indexDiffers(ground: KillGround): string | null {
  const { status, stdout, stderr } = ground.launch('index', 'verify', ground.merged)
  // None has come to be where each process was killed before it had a quiet moment.
  return status === 0 || /there is no index/.test(stderr) ? null : `the index: ${stdout}${stderr}`
}
