/** What the kernel knows of a mount whose process has died, as far as it has to be told that it is another tree now. */
import { FUSE_ROOT_ID } from '../../protocol/opcodes.js'
import { S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import type { StateMemory } from '../state/memory.js'
import { Field, SlotFlag, Slots } from '../state/slots.js'

export interface Known {
  /** Names in the root, latin1. */
  readonly names: readonly string[]
  /** Nodeids. */
  readonly directories: readonly number[]
}

const NO_NODE = SlotFlag.GHOST | SlotFlag.NAMELESS | SlotFlag.LISTING

export function knownOf(memory: StateMemory): Known {
  const slots = new Slots(memory)
  const names: string[] = []
  const directories: number[] = []
  for (let slot = 1; slot < slots.end; slot++) {
    const flags = slots.id(slot) > 0 ? slots.get(slot, Field.FLAGS) : NO_NODE
    if ((flags & NO_NODE) !== 0) continue
    if (slots.parent(slot) === FUSE_ROOT_ID) names.push(slots.name(slot))
    if ((flags & S_IFMT) === S_IFDIR) directories.push(slots.id(slot))
  }
  slots.close()
  return { names, directories }
}
