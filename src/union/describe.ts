/**
 * What a mount is made of and what it does without, for `inspect`.
 */
import type { Union } from './context/union.js'

/** The forms of a whiteout, in words. */
const WHITEOUTS = { device: 'device 0:0', aufs: '.wh.NAME', xattr: 'file with the attribute whiteout' }

function describeData(u: Union): Record<string, unknown> {
  const { passthrough, noOpen, writeback, why } = u.data
  return { mode: passthrough ? 'passthrough' : 'cached', why, writeback, opens: noOpen ? 'not asked for' : 'answered' }
}

/** What this mount is made of and what it does without, for `inspect`. */
export function describeUnion(u: Union): Record<string, unknown> {
  return {
    marks: u.marks.prefix,
    whiteouts: WHITEOUTS[u.whiteouts.writtenAs],
    redirectDir: u.redirects ? 'on' : u.config.redirectDir === 'nofollow' ? 'nofollow' : 'follow',
    metacopy: u.config.metacopy,
    // The workdir's `index/`, as kernel overlayfs has it; the database of owners is `ownerIndex`.
    hardLinkIndex: u.writable !== null && u.writable.work.index !== null,
    privateLayers: u.lowers.every((layer) => layer.isPrivate),
    data: describeData(u),
    readonly: u.writable === null,
    ownerIndex: u.lowerIndex === null ? null : { ...u.lowerIndex.counters },
    downgrades: u.downgrades,
  }
}
