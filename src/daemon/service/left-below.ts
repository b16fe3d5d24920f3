/**
 * What an upper has of lower layers that is not whole without them: files whose content is still below (metacopies),
 * and hard links of which some names stand in a layer alone. Read from the directories, beside the engine.
 */
import { readdirSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { pathBytes } from '../../base/text.js'
import { decodeOrigin, inodeOfHandle } from '../../layers/file-handle.js'
import { TRUSTED_MARKS, USER_MARKS } from '../../layers/marks.js'
import { AT_FDCWD } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { UnionConfig } from '../../union/context/config.js'

/** Paths from the root, latin1. */
interface LeftBelow {
  /** Without a `/` in front. */
  readonly contents: string[]
  readonly links: string[]
}

/** `going`: absolute paths of layers, latin1. */
export async function copiedUpFrom(config: UnionConfig, going: readonly string[]): Promise<LeftBelow> {
  const left: LeftBelow = { contents: [], links: [] }
  if (config.upper === null || config.work === null) return left
  await walk(config.upper, (path, below) => {
    if (isMetacopy(path)) left.contents.push(below)
  })
  const groups = groupsIn(`${config.work}/index`)
  for (const layer of groups.size === 0 ? [] : going)
    await walk(layer, (path, below) => {
      if (native.statat(AT_FDCWD, path) < 0 || native.stat[Stat.NLINK]! < 2) return
      if (groups.has(`${native.stat[Stat.INO_LOW]}:${native.stat[Stat.INO_HIGH]}`)) left.links.push(`/${below}`)
    })
  return left
}

function isMetacopy(path: string): boolean {
  return [TRUSTED_MARKS, USER_MARKS].some(
    (prefix) => typeof native.getxattr(AT_FDCWD, path, `${prefix}metacopy`) !== 'number',
  )
}

/** Inode numbers, `LOW:HIGH`, of the lower files that the hard-link index has entries of. */
function groupsIn(index: string): Set<string> {
  return new Set(
    entriesOf(index).flatMap(({ name }) => {
      const origin = decodeOrigin(Buffer.from(name, 'hex'))
      const halves = origin === null ? null : inodeOfHandle(origin.type, origin.handle)
      return halves === null ? [] : [`${halves[0]}:${halves[1]}`]
    }),
  )
}

/** Visits every regular file below `top`; others have their turn after each directory. */
async function walk(top: string, visit: (path: string, below: string) => void): Promise<void> {
  const waiting = ['']
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const { name, isFile, isDirectory } of entriesOf(`${top}/${at}`)) {
      const below = at === '' ? name : `${at}/${name}`
      if (isDirectory) waiting.push(below)
      else if (isFile) visit(`${top}/${below}`, below)
    }
    await turn()
  }
}

/** None where it cannot be read. */
function entriesOf(path: string): { name: string; isFile: boolean; isDirectory: boolean }[] {
  try {
    const entries = readdirSync(pathBytes(path), { withFileTypes: true, encoding: 'buffer' })
    return entries.map((entry) => ({
      name: (entry.name as unknown as Buffer).toString('latin1'),
      isFile: entry.isFile(),
      isDirectory: entry.isDirectory(),
    }))
  } catch {
    return []
  }
}
