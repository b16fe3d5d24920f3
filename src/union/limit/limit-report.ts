/** What a limit's count tells whoever asks, from the table in native code. */
import { native } from '../../syscalls/native.js'
import type { LimitReport } from '../context/upper-limit.js'

/** Bytes, inodes, and entries of the table of the count `id`; not finite where something is not known yet. */
export function totalsOf(id: number): readonly [bytes: number, inodes: number, entries: number] {
  const totals = new Float64Array(3)
  native.usageTotals(id, totals)
  return [totals[0]!, totals[1]!, totals[2]!]
}

/** `size` in bytes and `inodes`: what the upper may hold; 0: any number. */
export function limitReport(id: number, size: number, inodes: number): LimitReport {
  const [usedBytes, usedInodes] = totalsOf(id)
  const seen = native.usageSeen(id)
  return {
    size: size > 0 ? size : null,
    inodes: inodes > 0 ? inodes : null,
    usedBytes: Number.isFinite(usedBytes) ? usedBytes : null,
    usedInodes: Number.isFinite(usedInodes) ? usedInodes : null,
    counting: seen >= 0 ? seen : null,
  }
}
