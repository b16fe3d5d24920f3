/**
 * A mount that is drained: while the kernel writes out the pages that programs have changed, requests that change the
 * tree wait, so that what is written then is of one moment. They are put aside with nothing done, and served when it is
 * over. A change of size is served all the same: the kernel writes nothing of a file while one is under way. So are
 * times alone, which it hands over with the pages.
 */
import { PENDING } from '../../base/errno.js'
import { StratafsError } from '../../base/failure.js'
import type { Operations } from '../../operations/contract.js'
import type { Engine } from '../../operations/engine.js'
import type { Question } from './engine-messages.js'

type Waiting =
  | 'symlink'
  | 'mknod'
  | 'mkdir'
  | 'link'
  | 'unlink'
  | 'rmdir'
  | 'rename'
  | 'create'
  | 'tmpfile'
  | 'fsync'
  | 'setxattr'
  | 'removexattr'
  | 'setFlags'

const wait = (): number => PENDING

export class Drain {
  /** Changes of content that were served since it began. */
  written = 0
  #plain: Operations | null = null
  #isOn = false

  constructor(private readonly operations: Operations) {}

  /** False where it is drained already. */
  begin(): boolean {
    if (this.#isOn) return false
    this.#isOn = true
    const plain = { ...this.operations }
    this.#plain = plain
    const held: Pick<Operations, Waiting> = {
      symlink: wait,
      mknod: wait,
      mkdir: wait,
      link: wait,
      unlink: wait,
      rmdir: wait,
      rename: wait,
      create: wait,
      tmpfile: wait,
      fsync: wait,
      setxattr: wait,
      removexattr: wait,
      setFlags: wait,
    }
    const counted: Pick<Operations, 'setattr' | 'write' | 'fallocate' | 'copyFileRange'> = {
      setattr: (nodeid, changes) => {
        const { mode, uid, gid, atime, atimeNow, size } = changes
        if (size === undefined && [mode, uid, gid, atime, atimeNow].some((each) => each !== undefined)) return PENDING
        if (size !== undefined) this.written++
        return plain.setattr(nodeid, changes)
      },
      write: (...given) => {
        this.written++
        return plain.write(...given)
      },
      fallocate: (...given) => {
        this.written++
        return plain.fallocate(...given)
      },
      copyFileRange: (...given) => {
        this.written++
        return plain.copyFileRange(...given)
      },
    }
    Object.assign(this.operations, held, counted)
    return true
  }

  /** The operations are another union's by now, and serve. */
  forget(): void {
    this.#isOn = false
  }

  /** Everything is served again. */
  end(): void {
    if (this.#isOn) Object.assign(this.operations, this.#plain!)
    this.#isOn = false
  }
}

export type FreezingQuestion = Extract<
  Question,
  { what: 'drain' | 'resume' | 'written' | 'freeze' | 'merge' | 'restore' | 'restack' }
>

/**
 * The steps of a snapshot after `drain`, and other lower layers. `written`: what the device has written itself. What
 * was put aside is served when the messages have been read.
 */
export function answerFreezing(question: FreezingQuestion, engine: Engine, drain: Drain, written: number): unknown {
  if (question.what === 'written') return drain.written + written
  if (question.what === 'merge') {
    const merged = engine.merge(question.plan)
    return merged instanceof StratafsError ? { refusal: merged.toJSON() } : merged
  }
  if (question.what === 'restack') {
    const done = engine.restack(question.order)
    return done instanceof StratafsError ? { refusal: done.toJSON() } : done
  }
  let stays = false
  try {
    if (question.what === 'restore') {
      const names = engine.restore(question.order)
      if (names instanceof StratafsError) return { refusal: names.toJSON() }
      drain.forget()
      return { names, upperFd: engine.upperFd }
    }
    if (question.what !== 'freeze') return true
    if (question.written !== null && question.written !== drain.written + written) {
      stays = true
      return { again: true }
    }
    const frozen = engine.freeze(question.id, question.name)
    stays = question.stays
    return frozen instanceof StratafsError ? { refusal: frozen.toJSON() } : frozen
  } finally {
    if (!stays) drain.end()
  }
}
