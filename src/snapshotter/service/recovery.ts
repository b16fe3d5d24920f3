/**
 * What a kill or a loss of power leaves apart is brought together again: directories without a row go, as do mounts of
 * what is committed or gone; a row whose directory is missing goes where nothing can be lost by that. Each is logged.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { pathBytes, shown } from '../../base/text.js'
import { detach } from '../../daemon/mount/mounter.js'
import { readMounts } from '../../daemon/mount/mountinfo.js'
import { Kind, type Snapshot } from '../records/snapshot.js'
import type { Parts } from './snapshotter.js'

/** Before the first call is answered. `waiting`: mounts without an engine, by mountpoint. */
export function recover(parts: Parts, waiting: ReadonlyMap<string, number>): void {
  for (const { mountpoint } of readMounts())
    if (mountpoint.startsWith(`${parts.places.temporary}/`)) detach(mountpoint, true)
  for (const name of readdirSync(pathBytes(parts.places.temporary)))
    rmSync(pathBytes(`${parts.places.temporary}/${name}`), { recursive: true, force: true })
  const mounted = parts.unions.find(waiting)
  for (const snapshot of parts.records.all().reverse()) recoverRow(parts, snapshot)
  const known = new Map(parts.records.all().map((snapshot) => [snapshot.id, snapshot]))
  for (const id of mounted) {
    const kind = known.get(id)?.kind
    if (kind === Kind.ACTIVE || kind === Kind.VIEW) continue
    parts.log('warn', 'a mount that nobody has is taken away', { mountpoint: shown(parts.places.merged(id)) })
    void parts.unions.drop(id)
  }
  sweep(parts, known)
}

/** Children come first, so that of a whole branch without directories all goes. */
function recoverRow({ places, records, log }: Parts, { id, key, kind }: Snapshot): void {
  if (existsSync(pathBytes(places.fs(id)))) {
    if (kind === Kind.ACTIVE) dropUnfinished(places.of(id))
    return
  }
  if (kind === Kind.COMMITTED) {
    const advice = 'remove the images that need it and pull them again'
    return log('error', 'the directory of a committed snapshot is missing', { key, path: places.fs(id), advice })
  }
  log('warn', 'a snapshot without a directory is forgotten', { key, path: shown(places.of(id)) })
  records.remove(key)
}

/** What was unpacked beside the layer and not given its name. */
function dropUnfinished(place: string): void {
  for (const name of readdirSync(pathBytes(place)))
    if (name.startsWith('.fs.unpacking.')) rmSync(pathBytes(`${place}/${name}`), { recursive: true, force: true })
}

function sweep({ places, trash, log }: Parts, known: ReadonlyMap<number, Snapshot>): void {
  for (const name of readdirSync(pathBytes(places.snapshots), 'utf8')) {
    const id = Number(name)
    if (known.has(id)) continue
    log('warn', 'a directory without a snapshot is removed', { path: shown(`${places.snapshots}/${name}`) })
    if (Number.isSafeInteger(id) && String(id) === name) trash.add(id, Promise.resolve(), true)
    else rmSync(pathBytes(`${places.snapshots}/${name}`), { recursive: true, force: true })
  }
}
