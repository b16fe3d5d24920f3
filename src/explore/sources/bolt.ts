/**
 * Reads a bbolt database, in which containerd keeps the names of its images: pages of a B+tree, of which those on the
 * way to a bucket are read. Nothing is locked and nothing written: a page that changes meanwhile is another one, since
 * bbolt copies on write. As bbolt's page.go, bucket.go and meta.go have it.
 */
import { closeSync, fstatSync, readSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { openRegular } from '../../oci/encoding/regular-file.js'

const MAGIC = 0xed0cdaed
const HEADER = 16
const ELEMENT = 16
const Page = { BRANCH: 1, LEAF: 2 } as const
const BUCKET = 1
/** Levels of a tree, and pages that are read: an honest one has few. */
const DEEPEST = 32
const MOST_PAGES = 100_000

interface Item {
  readonly key: string
  readonly value: Buffer
  readonly isBucket: boolean
}

export class Bolt {
  #pages = 0

  private constructor(
    private readonly fd: number,
    private readonly name: string,
    private readonly pageSize: number,
    private readonly size: number,
    private readonly root: number,
  ) {}

  /** Opens the database at `path` (latin1), and closes it after `use`. Throws StratafsError. */
  static read<T>(path: string, use: (bolt: Bolt) => T): T {
    const fd = openRegular(path, 'a database')
    if (typeof fd !== 'number') throw new StratafsError(`${shown(path)} ${fd.words}`)
    try {
      const { size } = fstatSync(fd)
      const { pageSize, root } = metaOf(fd, path)
      return use(new Bolt(fd, path, pageSize, size, root))
    } finally {
      closeSync(fd)
    }
  }

  /** What the bucket at the end of `path` holds; nothing where there is none. */
  bucket(path: readonly string[]): Item[] {
    let items = this.#tree(this.#page(this.root), DEEPEST)
    for (const name of path) {
      const found = items.find((item) => item.isBucket && item.key === name)
      if (found === undefined) return []
      items = this.#inside(found.value)
    }
    return items
  }

  /** A bucket that is small lies in its value; another one's value says where its root is. */
  #inside(value: Buffer): Item[] {
    if (value.length < HEADER) throw this.#damaged()
    const root = Number(value.readBigUInt64LE(0))
    return this.#tree(root === 0 ? value.subarray(HEADER) : this.#page(root), DEEPEST)
  }

  #tree(page: Buffer, depth: number): Item[] {
    if (page.length < HEADER || depth === 0) throw this.#damaged()
    const flags = page.readUInt16LE(8)
    const count = page.readUInt16LE(10)
    if (HEADER + count * ELEMENT > page.length) throw this.#damaged()
    const at = Array.from({ length: count }, (_, i) => HEADER + i * ELEMENT)
    if ((flags & Page.LEAF) !== 0) return at.map((offset) => this.#item(page, offset))
    if ((flags & Page.BRANCH) === 0) throw this.#damaged()
    return at.flatMap((offset) => this.#tree(this.#page(Number(page.readBigUInt64LE(offset + 8))), depth - 1))
  }

  #item(page: Buffer, at: number): Item {
    const [flags, place, keySize, valueSize] = [0, 4, 8, 12].map((field) => page.readUInt32LE(at + field)) as number[]
    const key = at + place!
    const value = key + keySize!
    if (value + valueSize! > page.length) throw this.#damaged()
    return {
      key: page.toString('utf8', key, value),
      value: page.subarray(value, value + valueSize!),
      isBucket: (flags! & BUCKET) !== 0,
    }
  }

  /** The page `id` with those it overflows into. */
  #page(id: number): Buffer {
    const { pageSize } = this
    const at = id * pageSize
    if (!Number.isSafeInteger(at) || at + pageSize > this.size || ++this.#pages > MOST_PAGES) throw this.#damaged()
    const first = bytesAt(this.fd, at, pageSize)
    const overflow = first.readUInt32LE(12)
    if (overflow === 0) return first
    if (at + (overflow + 1) * pageSize > this.size) throw this.#damaged()
    return bytesAt(this.fd, at, (overflow + 1) * pageSize)
  }

  #damaged(): StratafsError {
    return new StratafsError(`${shown(this.name)} is damaged, or being written`, 'DAMAGED')
  }
}

/** The newer of the two heads. */
function metaOf(fd: number, path: string): { readonly pageSize: number; readonly root: number } {
  const first = bytesAt(fd, 0, HEADER + 64)
  const pageSize = first.readUInt32LE(HEADER + 8)
  const isSize = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0
  const heads = [first, ...(isSize ? [bytesAt(fd, pageSize, HEADER + 64)] : [])]
  const good = heads.filter((head) => head.readUInt32LE(HEADER) === MAGIC && head.readUInt32LE(HEADER + 4) === 2)
  const newest = good.sort((a, b) => Number(b.readBigUInt64LE(HEADER + 48) - a.readBigUInt64LE(HEADER + 48)))[0]
  if (newest === undefined) throw new StratafsError(`${shown(path)} is no database of containerd's`, 'DAMAGED')
  return { pageSize: newest.readUInt32LE(HEADER + 8), root: Number(newest.readBigUInt64LE(HEADER + 16)) }
}

function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  readSync(fd, bytes, 0, length, at)
  return bytes
}
