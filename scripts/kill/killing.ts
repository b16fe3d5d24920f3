/** Kills the server of a mount again and again while a program runs in it, and looks how long nothing is answered. */
import type { ChildProcess } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KillGround } from './ground.js'
import { leftovers } from './leftovers.js'
import { AS_ROOT } from './surroundings.js'
import type { KillWorkload } from './workloads.js'

/** A mount that does not answer for so long is lost. */
const LOST_MS = 30_000
const MOST_WAIT_MS = 600
/** At which of its first milliseconds who follows is killed, too. */
const MOST_FOLLOWED_MS = 120
/** How often the keeper is killed before; the process that lives starts another one, which has all soon after. */
const KEEPER = 0.1
const KEPT_MS = 500
/** How often who follows is killed, too, and how long it may take to come. */
const TWICE = 0.25
const MOST_FOLLOWING_MS = 3_000

export interface KillResult {
  readonly kills: number
  /** Of each kill, in ms. */
  readonly pauses: readonly number[]
  /** What the program said it had done. */
  readonly done: string
  /** What went wrong; null: nothing. */
  readonly fault: string | null
}

/** Runs `workload`, and kills so many times; `mostWait`: between two of them, in ms. */
export async function killUnder(
  ground: KillGround,
  workload: KillWorkload,
  kills: number,
  seed: number,
  mostWait = MOST_WAIT_MS,
): Promise<KillResult> {
  workload.begin?.(ground)
  const child = ground.start(workload.command(ground, seed), ['ignore', 'pipe', 'pipe'])
  let said = ''
  let done = ''
  child.stdout!.on('data', (chunk) => {
    done += String(chunk)
  })
  child.stderr!.on('data', (chunk) => {
    said += String(chunk)
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const pauses: number[] = []
  let fault: string | null = null
  while (pauses.length < kills && fault === null && child.exitCode === null) {
    await sleep(Math.random() * mostWait)
    const pause = await killOnce(ground, pauses.length)
    if (typeof pause === 'string') fault = pause
    else pauses.push(pause)
  }
  fs.writeFileSync(ground.stop, '')
  const code = await within(ended, LOST_MS, child)
  fs.rmSync(ground.stop)
  if (code !== 0) fault ??= `the program ended with ${code}: ${said.trim().slice(0, 500)}`
  fault ??= await leftovers(ground)
  return { kills: pauses.length, pauses, done: done.trim().split('\n').at(-1) ?? '', fault }
}

async function within(ended: Promise<number | null>, milliseconds: number, child: ChildProcess): Promise<unknown> {
  const late = sleep(milliseconds, 'nothing, for too long', { ref: false })
  const code = await Promise.race([ended, late])
  if (typeof code === 'string') child.kill('SIGKILL')
  return code
}

/** The pause in ms, or what went wrong. */
async function killOnce(ground: KillGround, number: number): Promise<number | string> {
  const pid = await serverOf(ground)
  if (pid === 0) return 'nobody serves the mount'
  if (Math.random() < KEEPER && !(await killKeeper(ground))) return 'no other keeper is started'
  const began = performance.now()
  process.kill(pid, 'SIGKILL')
  const asked = ask(ground, `never-there-${number}`)
  if (Math.random() < TWICE) await killFollower(ground, pid)
  const answer = await Promise.race([asked, sleep(LOST_MS, 'no answer', { ref: false })])
  return answer === 'ENOENT' ? performance.now() - began : `after a kill the mount says ${answer}`
}

/** False where no other one follows. */
async function killKeeper(ground: KillGround): Promise<boolean> {
  const [before] = ground.keepers()
  if (before === undefined) return false
  process.kill(before, 'SIGKILL')
  for (const until = performance.now() + LOST_MS; performance.now() < until; await sleep(5)) {
    if (!ground.keepers().some((pid) => pid !== before)) continue
    await sleep(KEPT_MS)
    return true
  }
  return false
}

/** What the mount says of a name that it never had. */
function ask(ground: KillGround, name: string): Promise<string> {
  const path = join(ground.merged, name)
  if (ground.around === AS_ROOT)
    return fs.promises.stat(path).then(
      () => 'it is there',
      (error: NodeJS.ErrnoException) => error.code ?? '?',
    )
  return new Promise((resolve) => {
    const child = ground.start(['stat', path], ['ignore', 'ignore', 'pipe'])
    let said = ''
    child.stderr!.on('data', (chunk) => (said += String(chunk)))
    child.once('close', () => resolve(said.includes('No such file') ? 'ENOENT' : said.trim() || 'it is there'))
  })
}

/** Kills who is about to serve on, at whatever it does by then. */
async function killFollower(ground: KillGround, dead: number): Promise<void> {
  for (const until = performance.now() + MOST_FOLLOWING_MS; performance.now() < until; await sleep(2)) {
    const pid = ground.follower(dead)
    if (pid === 0) continue
    await sleep(Math.random() * MOST_FOLLOWED_MS)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
    return
  }
}

async function serverOf(ground: KillGround): Promise<number> {
  for (const until = performance.now() + LOST_MS; performance.now() < until; await sleep(5)) {
    const pid = ground.server
    if (pid !== 0) return pid
  }
  return 0
}
