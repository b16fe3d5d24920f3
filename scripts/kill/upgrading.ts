/** Has the mounts of a process served on by another one again and again, under load: how long that pauses each time. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KillGround } from './ground.js'
import type { KillWorkload } from './workloads.js'

const BETWEEN_MS = 300

interface UpgradeResult {
  /** Of each upgrade, in ms: how long one that asks all the time waited at most. */
  readonly pauses: readonly number[]
  /** What went wrong; null: nothing. */
  readonly fault: string | null
}

/** Runs `workload`, and upgrades so many times. */
export async function upgradeUnder(
  ground: KillGround,
  workload: KillWorkload,
  upgrades: number,
): Promise<UpgradeResult> {
  workload.begin?.(ground)
  const child = ground.start(workload.command(ground, 1), ['ignore', 'ignore', 'pipe'])
  let said = ''
  child.stderr!.on('data', (chunk) => (said += String(chunk)))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const pauses: number[] = []
  let fault: string | null = null
  while (pauses.length < upgrades && fault === null && child.exitCode === null) {
    await sleep(BETWEEN_MS)
    const pause = await upgradeOnce(ground)
    if (typeof pause === 'string') fault = pause
    else pauses.push(pause)
  }
  fs.writeFileSync(ground.stop, '')
  const code = await ended
  if (code !== 0) fault ??= `the program ended with ${code}: ${said.trim().slice(0, 500)}`
  return { pauses, fault }
}

/** The longest wait in ms, or what went wrong. */
async function upgradeOnce(ground: KillGround): Promise<number | string> {
  const before = ground.server
  const upgrading = ground.command('host', 'upgrade')
  let longest = 0
  let isOver = false
  const asking = (async () => {
    for (let i = 0; !isOver; i++) {
      const began = performance.now()
      await fs.promises.stat(join(ground.merged, `never-${before}-${i}`)).catch(() => {})
      longest = Math.max(longest, performance.now() - began)
    }
  })()
  const { code, said } = await upgrading
  isOver = true
  await asking
  return code === 0 && /serves the mounts of process/.test(said) ? longest : `host upgrade: ${said.trim()}`
}
