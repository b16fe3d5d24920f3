/** Reads an EROFS image of metadata back, as its format is described, to hold it against what was written. */

interface ReadInode {
  readonly nid: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly size: number
  readonly mtime: bigint
  readonly mtimeNs: number
  /** First block, device or form of chunks. */
  readonly union: number
  /** Prefix number and rest of the name, to value. */
  readonly xattrs: ReadonlyMap<string, string>
  /** Of a directory or symlink; else nothing. */
  readonly data: Buffer
}

const BLOCK = 4096

export function inodeAt(image: Buffer, nid: number): ReadInode {
  const at = nid * 32
  const format = image.readUInt16LE(at)
  if ((format & 1) === 0) throw new Error(`inode ${nid} is not an extended one`)
  const mode = image.readUInt16LE(at + 4)
  const size = Number(image.readBigUInt64LE(at + 8))
  const union = image.readUInt32LE(at + 16)
  const count = image.readUInt16LE(at + 2)
  const behind = at + 64 + (count === 0 ? 0 : 12 + (count - 1) * 4)
  const isData = [0o040000, 0o120000].includes(mode & 0o170000)
  return {
    nid,
    mode,
    uid: image.readUInt32LE(at + 24),
    gid: image.readUInt32LE(at + 28),
    nlink: image.readUInt32LE(at + 44),
    size,
    mtime: image.readBigInt64LE(at + 32),
    mtimeNs: image.readUInt32LE(at + 40),
    union,
    xattrs: count === 0 ? new Map() : xattrsIn(image.subarray(at + 64 + 12, behind)),
    data: isData ? dataOf(image, (format >> 1) & 7, { size, block: union, behind }) : Buffer.alloc(0),
  }
}

function dataOf(image: Buffer, layout: number, at: { size: number; block: number; behind: number }): Buffer {
  const tail = layout === 2 ? at.size % BLOCK : 0
  const whole = image.subarray(at.block * BLOCK, at.block * BLOCK + at.size - tail)
  if (layout === 2 && Math.floor(at.behind / BLOCK) !== Math.floor((at.behind + tail - 1) / BLOCK))
    throw new Error('what is inline crosses a block')
  return Buffer.concat([whole, image.subarray(at.behind, at.behind + tail)])
}

function xattrsIn(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < bytes.length; ) {
    const [nameLength = 0, prefix = 0] = bytes.subarray(at)
    const valueLength = bytes.readUInt16LE(at + 2)
    const name = bytes.toString('latin1', at + 4, at + 4 + nameLength)
    const value = bytes.toString('latin1', at + 4 + nameLength, at + 4 + nameLength + valueLength)
    found.set(`${prefix} ${name}`, value)
    at += (4 + nameLength + valueLength + 3) & ~3
  }
  return found
}

/** Names of a directory, in the order in which they lie, to nid and type. */
export function namesIn(directory: ReadInode): [name: string, nid: number, type: number][] {
  const names: [string, number, number][] = []
  for (let start = 0; start < directory.data.length; start += BLOCK) {
    const block = directory.data.subarray(start, start + BLOCK)
    const count = block.readUInt16LE(8) / 12
    for (let i = 0; i < count; i++) {
      const from = block.readUInt16LE(i * 12 + 8)
      const to = i + 1 < count ? block.readUInt16LE(i * 12 + 20) : block.length
      const name = block.toString('latin1', from, to).replace(/\0+$/, '')
      names.push([name, Number(block.readBigUInt64LE(i * 12)), block[i * 12 + 10]!])
    }
  }
  return names
}

export function rootOf(image: Buffer): ReadInode {
  return inodeAt(image, image.readUInt16LE(1024 + 14))
}
