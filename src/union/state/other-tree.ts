/**
 * What the state says when a mount shows another tree at once: the one of a snapshot that it goes back to, or one on
 * other layers. Each is so by one store; what follows is tidying up.
 */
import { contentOf, type Ledger } from './ledger.js'
import type { Listed } from './listed.js'
import { Word } from './memory.js'
import { Field, type SlotContent, SlotFlag } from './slots.js'

/** So many slots are looked at between two requests. */
const PART = 4096

/** Frees what has become void, in parts; `closeBacking` is told what was passed through. */
export function* sweepVoid({ slots }: Ledger, closeBacking: (id: number) => void): Generator<void> {
  for (let slot = 1, end = slots.end; slot < end; slot++) {
    if (slot % PART === 0) yield
    if (!slots.isVoid(slot)) continue
    const backing = slots.get(slot, Field.BACKING)
    if (backing > 0) closeBacking(backing)
    slots.free(slot)
  }
}

/**
 * The mount was put on other layers: `left` have no name any more, `renamed` one less. With the text that says which
 * layers these are, all of it is so for the next process, too; before that, nothing.
 */
export function restacked(
  ledger: Ledger,
  left: readonly Listed[],
  renamed: readonly Listed[],
  text: string | null,
): void {
  const { memory, slots } = ledger
  for (const node of renamed) ledger.renamed(node)
  const known = left.filter(({ slot }) => slot !== 0)
  memory.words[Word.SHADOWS] = 2 - memory.words[Word.TEXT_PLACE]!
  const shadows = known.map((node) => slots.write(shadowOf(node)))
  if (text !== null) memory.setText(text)
  for (const [at, node] of known.entries()) {
    slots.free(node.slot)
    ledger.freeAliases(node.id)
    node.slot = shadows[at]!
    slots.set(node.slot, Field.FLAGS, slots.get(node.slot, Field.FLAGS) & ~SlotFlag.SHADOW)
  }
}

/** What is `node` once the text says so. */
function shadowOf(node: Listed): SlotContent {
  const content = contentOf(node)
  return { ...content, flags: content.flags | SlotFlag.SHADOW }
}
