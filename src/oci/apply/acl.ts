/**
 * POSIX ACLs as tars carry them, in text (`user::rw-,user:1000:r--,group::r--,mask::r--,other::---`), into the form
 * that Linux takes as an extended attribute. Names are looked up in this host's /etc/passwd and /etc/group, as GNU tar
 * does, where the text gives no number after them. Pure but for that look.
 *
 * posix_acl_xattr_header: u32 version (2) @0 · then entries of u16 tag @0 · u16 perm @2 · u32 id @4, sorted by tag and
 * id.
 */
import { readFileSync } from 'node:fs'

const UNDEFINED_ID = 0xffff_ffff
const TAGS: Readonly<Record<string, readonly [own: number, named: number]>> = {
  user: [0x01, 0x02],
  u: [0x01, 0x02],
  group: [0x04, 0x08],
  g: [0x04, 0x08],
  mask: [0x10, -1],
  m: [0x10, -1],
  other: [0x20, -1],
  o: [0x20, -1],
}

interface AclEntry {
  readonly tag: number
  readonly perm: number
  readonly id: number
}

/** The attribute's value, or why the text is none. */
export function aclFromText(text: string): Buffer | string {
  const entries: AclEntry[] = []
  for (const word of text.split(/[,\n]/).map((part) => part.replace(/#.*$/s, '').trim())) {
    if (word === '') continue
    const entry = entryFromText(word)
    if (typeof entry === 'string') return entry
    entries.push(entry)
  }
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id)
  const value = Buffer.alloc(4 + entries.length * 8)
  value.writeUInt32LE(2, 0)
  entries.forEach(({ tag, perm, id }, i) => {
    value.writeUInt16LE(tag, 4 + i * 8)
    value.writeUInt16LE(perm, 6 + i * 8)
    value.writeUInt32LE(id, 8 + i * 8)
  })
  return value
}

/** `KIND:NAME:PERM`, with the number as a fourth field where star wrote one. */
function entryFromText(word: string): AclEntry | string {
  const [kind = '', name = '', permText = '', number] = word.split(':')
  const tags = TAGS[kind]
  const perm = /^[r-][w-][x-]$/.test(permText) ? permText : null
  if (tags === undefined || perm === null) return `“${word}” is no entry of an ACL`
  const bits = (perm[0] === 'r' ? 4 : 0) | (perm[1] === 'w' ? 2 : 0) | (perm[2] === 'x' ? 1 : 0)
  if (name === '') return { tag: tags[0], perm: bits, id: UNDEFINED_ID }
  if (tags[1] < 0) return `“${word}” names somebody where nobody can be named`
  const id = idOf(
    tags[0] === 0x01 ? '/etc/passwd' : '/etc/group',
    number === undefined || number === '' ? name : number,
  )
  return id === null ? `it names ${name}, who is not known here` : { tag: tags[1], perm: bits, id }
}

function idOf(file: string, word: string): number | null {
  if (/^\d{1,10}$/.test(word)) return Number(word) < UNDEFINED_ID ? Number(word) : null
  const line = readFileSync(file, 'latin1')
    .split('\n')
    .find((each) => each.startsWith(`${word}:`))
  return line === undefined ? null : Number(line.split(':')[2])
}
