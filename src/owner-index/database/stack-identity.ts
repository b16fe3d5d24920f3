/**
 * Which layers a database is about. The identity of a layer is its filesystem (uuid, or device where it tells none),
 * its root's inode and time of birth, and its path; that of a stack adds the order and what decides how marks are read.
 * Facts about a stack are shared by every mount over it, in one file per stack.
 */
import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import type { Layer } from '../../layers/layer-dir.js'
import type { SearchContext } from '../../stack/search.js'
import { native } from '../../syscalls/native.js'
import { isMachineRoot } from '../../syscalls/privilege.js'
import { Stat } from '../../syscalls/stat.js'
import { SCHEMA_VERSION } from './schema.js'

/** The identity of one layer, as text. */
export function layerIdentity(layer: Layer): string {
  native.statat(layer.rootFd, '')
  const { stat } = native
  const where = layer.uuid === null ? layer.device : Buffer.from(layer.uuid).toString('hex')
  const inode = `${stat[Stat.INO_HIGH]}:${stat[Stat.INO_LOW]}`
  return `${where} ${inode} ${stat[Stat.BTIME]}.${stat[Stat.BTIME_NS]} ${layer.path}`
}

/** Whether metacopies of the lowest layer are marked in the rows; said by a union's layers or by a stack's words. */
function leadsBelow({ dataLayers = [], config }: SearchContext): boolean {
  return dataLayers.length > 0 || config.leadsBelow === true
}

/** The identity of a whole stack: 40 hexadecimal digits. */
export function stackIdentity(stack: SearchContext): string {
  const hash = createHash('sha256')
  const follow = stack.config.redirectDir !== 'nofollow'
  hash.update(`stratafs ${SCHEMA_VERSION}\n${stack.marks.prefix}\n${follow}\n`)
  if (leadsBelow(stack)) hash.update('data-only below\n')
  for (const layer of stack.lowers) hash.update(`${layerIdentity(layer)}\n`, 'latin1')
  return hash.digest('hex').slice(0, 40)
}

/** Where this user's shared databases lie, absolute, latin1. `STRATAFS_STACKS` names another place. */
export function sharedDirectory(): string {
  const named = process.env.STRATAFS_STACKS
  if (named?.startsWith('/')) return Buffer.from(named, 'utf8').toString('latin1')
  if (isMachineRoot()) return '/var/lib/stratafs/stacks'
  const cache = process.env.XDG_CACHE_HOME
  const base = cache?.startsWith('/') ? cache : `${homedir()}/.cache`
  return Buffer.from(`${base}/stratafs/stacks`, 'utf8').toString('latin1')
}

/** Where the rows of single layers lie (layer-rows/). */
export function layersDirectory(): string {
  return `${sharedDirectory()}/layers`
}

/** The shared database of a stack. */
export function sharedPath(identity: string): string {
  return `${sharedDirectory()}/${identity}.db`
}
