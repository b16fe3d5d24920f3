/**
 * What one mount leaves to the process after this one: its device, its state in shared memory, the socket in which
 * descriptors are parked, the locks of its directories, and, as text, what it was made from.
 */
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { convertState, formatObstacle } from '../../union/state/formats.js'
import { STATE_FORMAT, StateMemory } from '../../union/state/memory.js'
import { keeper } from './keeper.js'

/** Descriptors as an engine's thread needs them. */
export interface EngineKept {
  readonly state: number
  readonly into: number
  readonly from: number
  /** Another process has served the mount. */
  readonly resumed: boolean
}

/** How many come before the locks: device, state, and both ends of the socket. */
const OWN = 4

/** `memory`: what came of mapping it. */
function whyNot(memory: StateMemory | number): string {
  if (typeof memory !== 'number') return 'no memory'
  return memory === -Errno.EFBIG ? 'a limit of file sizes (ulimit -f) is in the way' : errnoWords(memory)
}

/** Those that outlive this process. */
const all = new Set<KeptMount>()

/** Why a process that takes state of format `to` cannot follow this one; null: it can. */
export function followerObstacle(to: number): string | null {
  for (const { memory } of all) {
    const why = formatObstacle(memory, to)
    if (why !== null) return why
  }
  return null
}

/** The last that this process does: leaves everything as one of format `to` takes it. */
export function leaveAs(to: number): void {
  for (const { memory } of all) convertState(memory, to)
}

export class KeptMount {
  #number = 0
  #isTaken = false
  #obstacle: string | null = null

  private constructor(
    private readonly fds: readonly OwnedFd[],
    readonly resumed: boolean,
    /** The device where it has been taken over; -1: the mount is still to be made. */
    readonly device: number,
    private readonly given: readonly number[],
    readonly memory: StateMemory,
  ) {}

  /** For a mount that is about to be made of what `text` says; or why it cannot outlive this process. */
  static create(text: string): KeptMount | string {
    const pair = new Int32Array(2)
    const state = native.memfd()
    if (state < 0) return 'this system has no memory to be shared (memfd)'
    const memory = StateMemory.map(state)
    const isMade = typeof memory !== 'number' && memory.setText(text) && native.socketPair(true, pair) >= 0
    if (!isMade) {
      native.close(state)
      return `its state cannot be kept: ${whyNot(memory)}`
    }
    memory.begin()
    return new KeptMount(
      [state, pair[0]!, pair[1]!].map((fd) => new OwnedFd(fd)),
      false,
      -1,
      [],
      memory,
    )
  }

  /** What a keeper handed over; the device is the caller's. */
  static adopt(mount: number, fds: readonly number[]): { kept: KeptMount; text: string } | string {
    const [device, state, into, from, ...locks] = fds
    if (device === undefined || state === undefined || into === undefined || from === undefined)
      return 'too little was kept'
    const memory = StateMemory.map(state)
    const why = typeof memory === 'number' ? 'its state cannot be mapped' : convertState(memory, STATE_FORMAT)
    if (why !== null || typeof memory === 'number') {
      for (const fd of fds) native.close(fd)
      keeper.remove(mount)
      return why ?? ''
    }
    const owned = [state, into, from, ...locks].map((fd) => new OwnedFd(fd))
    const kept = new KeptMount(owned, true, device, fds, memory)
    kept.#number = mount
    all.add(kept)
    return { kept, text: memory.text }
  }

  get forEngine(): EngineKept {
    const [state, into, from] = this.fds
    return { state: state!.fd, into: into!.fd, from: from!.fd, resumed: this.resumed }
  }

  /** The mount is there: from now on it outlives this process. Null, or why not. */
  hold(device: number, locks: readonly number[]): string | null {
    if (this.resumed) return null
    const number = keeper.add([device, ...this.fds.map(({ fd }) => fd), ...locks])
    if (typeof number === 'string') this.#obstacle = number
    else {
      this.#number = number
      all.add(this)
    }
    return this.#obstacle
  }

  /** Why nobody will follow after all; null: somebody will. */
  get obstacle(): string | null {
    return this.#obstacle
  }

  /** The device, the caller's from now on. */
  takeDevice(): number {
    this.#isTaken = true
    return this.device
  }

  /** The locks that came along. */
  get locks(): readonly number[] {
    return this.given.slice(OWN)
  }

  /** The mount has ended. */
  end(): void {
    all.delete(this)
    if (this.#number !== 0) keeper.remove(this.#number)
    this.#number = 0
    const { device } = this
    if (device >= 0 && !this.#isTaken) native.close(device)
    this.#isTaken = true
    for (const fd of this.fds) fd.close()
  }
}
