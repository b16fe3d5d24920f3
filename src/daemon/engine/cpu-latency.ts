/**
 * The default of `awake`: whether a mount keeps idle processors from halting in busy times
 * (native-bindings/src/cpu-latency.h). That affects all processors of the machine. So the default is yes only where it
 * gains much and affects nobody else.
 */
import { readFileSync } from 'node:fs'
import { errnoWords } from '../../base/errno-words.js'
import { AT_FDCWD, O_WRONLY } from '../../syscalls/constants.js'
import { type Device, native } from '../../syscalls/native.js'
import type { AwakeRequest } from '../options/mount-settings.js'

/** What the kernel tells of its idle processors; null: it does not. */
export interface IdleFacts {
  /** The cpuidle driver; nothing goes by a wish for latency without one. */
  readonly driver: string | null
  /** For how many nanoseconds at most a guest's idle processor looks for work before it halts. */
  readonly polledNs: number | null
  readonly processors: number
}

/** Whether to hold, and why so. */
export interface AwakeChoice {
  readonly holds: boolean
  readonly why: string
}

/** The program's processor and the engine's. */
const BOTH = 2

/** What polls for as long as this finds most answers by itself: a request takes some 5 to 20 µs to serve. */
const POLLED_ENOUGH_NS = 50_000

/**
 * Pure. `auto` holds on a guest whose processors halt at once when idle, and that has none beside the two which a
 * request keeps busy.
 */
export function chooseAwake(wish: AwakeRequest, facts: IdleFacts): AwakeChoice {
  if (wish === 'off') return { holds: false, why: 'awake=0' }
  if (facts.driver === null) return { holds: false, why: 'this kernel has no cpuidle driver, which alone goes by it' }
  if (wish === 'on') return { holds: true, why: 'awake=1' }
  if (facts.driver !== 'haltpoll' || facts.polledNs === null)
    return { holds: false, why: `auto: waking costs little with cpuidle driver ${facts.driver}` }
  if (facts.polledNs >= POLLED_ENOUGH_NS)
    return { holds: false, why: `auto: idle processors poll by themselves (guest_halt_poll_ns=${facts.polledNs})` }
  const { processors } = facts
  if (processors < BOTH) return { holds: false, why: 'auto: program and mount share one processor' }
  if (processors > BOTH) return { holds: false, why: `auto: it would go for all of ${processors} processors` }
  return { holds: true, why: `auto: idle processors halt at once (guest_halt_poll_ns=${facts.polledNs})` }
}

const DRIVER = '/sys/devices/system/cpu/cpuidle/current_driver'
const POLLED = '/sys/module/haltpoll/parameters/guest_halt_poll_ns'
const ONLINE = '/sys/devices/system/cpu/online'

/** Of this machine. */
export function idleFacts(): IdleFacts {
  const driver = read(DRIVER)
  // Nothing else matters then, and every mount asks.
  if (driver === null || driver === 'none') return { driver: null, polledNs: null, processors: 0 }
  const polled = read(POLLED)
  return {
    driver,
    polledNs: polled === null ? null : Number(polled),
    processors: countOf(read(ONLINE) ?? ''),
  }
}

/**
 * How many a list such as `0-3,8` names (cpu lists, Documentation/admin-guide/cputopology.rst); many where it names
 * none.
 */
export function countOf(list: string): number {
  const ranges = list.split(',').map((range) => range.split('-').map(Number))
  const count = ranges.reduce((sum, [first, last = first]) => sum + last! - first! + 1, 0)
  return list === '' || Number.isNaN(count) ? Number.POSITIVE_INFINITY : count
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

/** The kernel's own way for a program to say what latency it can bear; whoever opens it holds it until it is closed. */
const LATENCY = '/dev/cpu_dma_latency'

/** As the mount wishes, where that can be had; what somebody asked for in vain is told to `downgrade`. */
export function holdAwake(device: Device, wish: AwakeRequest, downgrade: (what: string) => void): AwakeChoice {
  const choice = chooseAwake(wish, idleFacts())
  const fd = choice.holds ? native.openat(AT_FDCWD, LATENCY, O_WRONLY, 0) : -1
  if (fd >= 0) device.keepAwake(fd)
  if (fd >= 0 || wish === 'off') return choice
  const why = choice.holds ? `${LATENCY} cannot be opened (${errnoWords(fd)})` : choice.why
  if (wish === 'on') downgrade(`awake=1 is without effect: ${why}; idle processors halt`)
  return { holds: false, why }
}
