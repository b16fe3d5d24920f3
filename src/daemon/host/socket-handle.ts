/** A socket's descriptor, which Node keeps to itself: who is at the other end is asked of the kernel with it. */
import type { Socket } from 'node:net'

/** -1 where there is none. */
export function handleOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } }
  return handle?.fd ?? -1
}
