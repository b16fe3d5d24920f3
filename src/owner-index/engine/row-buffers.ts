/**
 * The memory that rows lie in, taken again from rows that were let go. Rows live long enough for V8 to think of them as
 * old, and what is old it frees late where it is not of its own heap: a walk over many directories left 10 to 60 MB of
 * them behind (docs/decisions/0014-what-a-mount-costs-to-start.md).
 */

/** Bytes of memory let go that are kept for others. When there are so many, they are of sizes that nobody asks for. */
const SPARE_AT_MOST = 1 << 20
const LEAST = 256

/** Memory that nobody uses, by its size. Each thread has its own. */
const spare = new Map<number, ArrayBuffer[]>()
let spareBytes = 0

/** At least so many bytes, of which nobody can say what is in them. */
export function allocRowBuffer(bytes: number): ArrayBuffer {
  const size = Math.max(LEAST, 2 ** Math.ceil(Math.log2(Math.max(1, bytes))))
  const memory = spare.get(size)?.pop()
  if (memory === undefined) return new ArrayBuffer(size)
  spareBytes -= size
  return memory
}

/** Takes back what allocRowBuffer gave; nobody may use it any more. */
export function freeRowBuffer(memory: ArrayBuffer): void {
  const size = memory.byteLength
  if (size > SPARE_AT_MOST) return
  if (spareBytes + size > SPARE_AT_MOST) {
    spare.clear()
    spareBytes = 0
  }
  spareBytes += size
  const same = spare.get(size)
  if (same === undefined) spare.set(size, [memory])
  else same.push(memory)
}
