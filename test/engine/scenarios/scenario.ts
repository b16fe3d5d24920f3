/**
 * What the crash and fault tests put to the engine: one operation each, on a file or directory in each state it can be
 * in (lower, copied up, pure upper, under a whiteout, merged, opaque, one of several hard links). `prepare` brings the
 * upper into that state through the engine; `act` is the operation. See test/engine/layers.ts for what lies in the
 * lowers.
 *
 * An operation is one act on disk wherever the system calls allow it, and then a crash leaves the tree as it was or as
 * it shall be. Where they do not, `passing` names the states in between that may be met, each with the reason.
 */
import type { UnionConfig } from '../../../src/union/context/config.js'
import type { Session } from '../session.js'

export interface Passing {
  readonly why: string
  /** Makes the state, on an engine of its own, after `prepare`. */
  readonly make: (s: Session) => void
}

export interface Scenario {
  readonly name: string
  readonly prepare?: (s: Session) => void
  readonly act: (s: Session) => number
  readonly config?: Partial<UnionConfig>
  /** mknod of a device 0:0 is refused, so whiteouts are written as `.wh.NAME`. */
  readonly aufs?: boolean
  /** Files without a name are refused, so copy-ups are built under one. */
  readonly named?: boolean
  readonly passing?: readonly Passing[]
}

/** A step of `prepare` that has to work. */
export function must(...results: number[]): void {
  for (const result of results) if (result < 0) throw new Error(`preparation failed: errno ${-result}`)
}

/** States that several families start from. */
export const hideGoner = (s: Session): void => must(s.unlink('goner'))
export const hideShared = (s: Session): void => must(s.unlink('shared/gone'))
export const opaque = (s: Session): void =>
  must(s.unlink('hidden/old'), s.rmdir('hidden'), s.mkdir('hidden'), s.createOld('hidden/mine', 'mine'))

export const createMine = (s: Session): void => must(s.createOld('mine', 'mine'))
