/**
 * The request that was in hand when the process died: whether its act on disk has come. It had looked at everything
 * before, and nobody else writes here, so what is there now tells. If it has come, the slots follow here as memory
 * would have followed, and the request is answered as done. Each step may be made twice, for this process may die, too.
 */
import { RENAME_EXCHANGE, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { search } from '../context/search.js'
import { statNode, type Union } from '../context/union.js'
import { childOf, placeAgain } from '../lookup/lookup.js'
import { inodeKey } from '../nodes/inode-numbers.js'
import { addName, type Node } from '../nodes/node.js'
import { Intent, type IntentRecord } from '../state/journal.js'
import { Field, SlotFlag } from '../state/slots.js'
import type { Restorer } from './restore.js'

/** Whether what `intent` says has been done; slots and nodes are then as after it. */
export function rollForward(restorer: Restorer, intent: IntentRecord): boolean {
  const { u } = restorer
  u.cache.beginOperation()
  if (intent.kind === Intent.SET_XATTR || intent.kind === Intent.REMOVE_XATTR) return true
  const parent = u.nodes.get(intent.parent)
  if (parent?.dir == null) return false
  if (intent.kind === Intent.MAKE) return typeof childOf(u, parent, intent.name) !== 'number'
  if (intent.kind === Intent.LINK) return rollLink(u, parent, intent)
  if (intent.kind === Intent.REMOVE) return rollRemoval(restorer, parent, intent)
  return intent.kind === Intent.RENAME && rollRename(restorer, parent, intent)
}

/** The upper's inode at (parent, name): its number's low half, the stat record in `native.stat`; 0: none. */
function upperInode(u: Union, parent: Node, name: string): number {
  const upper = parent.dir?.upper ?? null
  const fd = upper === null ? -1 : u.cache.fd(upper)
  return fd < 0 || native.statat(fd, name) < 0 ? 0 : native.stat[Stat.INO_LOW]!
}

function rollLink(u: Union, parent: Node, { name, node: id }: IntentRecord): boolean {
  const node = u.nodes.get(id)
  if (node === undefined || statNode(u, node) < 0) return false
  const own = inodeKey(native.stat)
  if (upperInode(u, parent, name) === 0 || inodeKey(native.stat) !== own) return false
  if (parent.dir!.children.get(name) === node) return true
  if (node.unlinkedFd >= 0 || node.inodeDir === null) placeAgain(u, node, parent.dir!.upper!, name)
  addName(node, parent, name)
  u.nodes.addKey(node, own)
  u.nodes.ledger?.renamed(node)
  return true
}

function isGone(u: Union, parent: Node, name: string): boolean {
  const found = search(u, parent.dir!, name, 0)
  return found.error === 0 && found.type === 0
}

function rollRemoval(restorer: Restorer, parent: Node, intent: IntentRecord): boolean {
  if (!isGone(restorer.u, parent, intent.name)) return false
  takeName(restorer, intent.node, parent.id, intent.name, intent)
  return true
}

function rollRename(restorer: Restorer, parent: Node, intent: IntentRecord): boolean {
  const { u } = restorer
  const { name, newName, newParent: newId, node, victim } = intent
  const newParent = u.nodes.get(newId)
  if (newParent?.dir == null) return false
  const isDone = intent.ino === 0 ? isGone(u, parent, name) : upperInode(u, newParent, newName) === intent.ino
  if (!isDone) return false
  const exchange = (intent.flags & RENAME_EXCHANGE) !== 0
  const own = slotNamed(restorer, node, parent.id, name)
  const other = victim === 0 ? 0 : slotNamed(restorer, victim, newId, newName)
  if (!exchange && other !== 0) takeName(restorer, victim, newId, newName, intent)
  if (own !== 0) move(restorer, own, newId, newName)
  if (exchange && other !== 0) move(restorer, other, parent.id, name)
  return true
}

/** The slot, of the node or of a further name of it, that has this name; 0: there is none. */
function slotNamed({ index, ledger }: Restorer, id: number, parent: number, name: string): number {
  const all = [index.slotOf(id), ...index.aliasesOf(id)]
  const { slots } = ledger
  const isIt = (slot: number) => slot !== 0 && slots.parent(slot) === parent && slots.name(slot) === name
  return all.find((slot) => isIt(slot) && (slots.get(slot, Field.FLAGS) & SlotFlag.NAMELESS) === 0) ?? 0
}

function move({ index, ledger }: Restorer, slot: number, parent: number, name: string): void {
  const flags = ledger.slots.get(slot, Field.FLAGS)
  if ((flags & SlotFlag.ALIAS) === 0) return void index.replace(slot, { parent, name, flags })
  index.replaceAlias(slot, parent, name)
}

/** The node `id` has lost a name: another one takes its place, or it has none any more. */
function takeName(restorer: Restorer, id: number, parent: number, name: string, intent: IntentRecord): void {
  const { index, ledger, parked } = restorer
  const slot = slotNamed(restorer, id, parent, name)
  if (slot === 0) return
  const flags = ledger.slots.get(slot, Field.FLAGS)
  if ((flags & SlotFlag.ALIAS) !== 0) return index.free(slot)
  const [alias] = index.aliasesOf(id)
  if (alias !== undefined) {
    const change = { parent: ledger.slots.parent(alias), name: ledger.slots.name(alias), flags }
    index.free(alias)
    index.replace(slot, change)
    return
  }
  const gone = flags | SlotFlag.NAMELESS | SlotFlag.REMOVED
  if (intent.place !== '')
    index.replace(slot, { parent: intent.layer, name: intent.place, flags: gone | SlotFlag.PLACED })
  else if (parked.has(id) || (flags & SlotFlag.FILLING) !== 0) index.replace(slot, { parent: 0, name: '', flags: gone })
  else if ((flags & S_IFMT) === S_IFDIR && index.namesIn(id) !== undefined) return
  else index.free(slot)
}
