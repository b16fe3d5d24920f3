/**
 * A file that is being filled and that nobody will see: its last name is gone and nobody has it open, or it could not
 * be made whole. The lower file stays as it is.
 */
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'

/** Lets go of what is being filled for `node`, which is a lower one again. */
export function abandonFilling(u: Union, node: Node): void {
  const { filling } = node
  if (filling === null) return
  native.endFill(filling.target)
  node.filling = null
  u.filling.delete(node)
  u.binding.unbind(node.id)
  const { target, temporary } = filling
  native.closeSoon(target)
  node.contentFd = -1
  node.dataWritable = false
  closePin(node)
  u.nodes.ledger?.fills(node, false)
  if (temporary === '') return
  u.writable!.work.discard(`${temporary}.map`)
  u.writable!.work.discard(temporary)
}

/** `node` is reached by its name again. */
export function closePin(node: Node): void {
  const { unlinkedFd: pin } = node
  if (pin >= 0) native.close(pin)
  node.unlinkedFd = -1
}
