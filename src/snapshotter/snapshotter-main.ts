/**
 * The snapshotter as a process: opens what there is, brings together what a kill left apart, and answers until it is
 * told to end. The mounts live on without it.
 */
import { rmSync } from 'node:fs'
import type { Server } from '@grpc/grpc-js'
import { StratafsError } from '../base/failure.js'
import { createLogger, type Log } from '../base/log.js'
import { fromText, shown } from '../base/text.js'
import { stderrIsJournal } from '../daemon/process/journal.js'
import { ServiceManager } from '../daemon/process/service-manager.js'
import { addonObstacle } from '../syscalls/native.js'
import { watchAuthority } from './authority.js'
import { Containerd } from './diff/containerd.js'
import { ContentStore } from './diff/content.js'
import { DIFF, diffService } from './diff/diff-service.js'
import { lockRoot } from './lock.js'
import { Metrics } from './metrics/metrics.js'
import { metricsAddress, serveMetrics } from './metrics/metrics-server.js'
import { MountClient } from './mounts/mount-client.js'
import { Places } from './mounts/places.js'
import { Quiet } from './mounts/quiet.js'
import { Spares } from './mounts/spares.js'
import { Trash } from './mounts/trash.js'
import { Unions } from './mounts/unions.js'
import { openDatabase } from './records/database.js'
import { Records } from './records/records.js'
import { HEALTH, healthService } from './service/health-service.js'
import { recover } from './service/recovery.js'
import { SNAPSHOTS, snapshotsService } from './service/snapshots-service.js'
import { type Parts, Snapshotter } from './service/snapshotter.js'
import type { SnapshotterSettings } from './settings.js'
import { listenOn, makeRoom } from './socket.js'
import { WarmUp } from './warm-up.js'
import type { Handling, Observe } from './wire/handlers.js'

/** How long a host without a mount waits for the next one, in seconds. */
const HOST_IDLE = 3600
/** How long calls may go on once it was told to end. */
const PATIENCE_MS = 2_000

/** Serves until SIGTERM or SIGINT; the exit code. Throws StratafsError where it cannot begin. */
export async function serveSnapshots(settings: SnapshotterSettings): Promise<number> {
  if (addonObstacle !== null) throw new StratafsError(addonObstacle, 'MISSING_PROGRAM')
  if (process.getuid?.() !== 0) throw new StratafsError('snapshotter: only root can serve containerd')
  const manager = new ServiceManager(process.env)
  const logger = createLogger({ fd: 2, readable: !stderrIsJournal() }, settings.level)
  const places = Places.at(fromText(settings.root))
  lockRoot(places.root)
  await makeRoom('--address', settings.address)
  const client = ownHost(places)
  const records = new Records(openDatabase(places.database))
  const quiet = new Quiet()
  const snapshotter = makeSnapshotter(settings, { places, records, quiet }, client, logger.log)
  recover(snapshotter.parts, await client.waiting())
  const containerd = new Containerd(settings.containerd)
  const metrics = settings.metrics === null ? null : new Metrics(snapshotter)
  const web = metrics === null ? null : await serveMetrics(await roomFor(settings.metrics!), metrics)
  const warmUp = new WarmUp(places.temporary, client, logger.log)
  const handling = { log: logger.log, observe: all([() => quiet.heard(), warmUp.observe, metrics?.observe]) }
  const server = await listen(settings.address, snapshotter, containerd, handling)
  // Whoever hears that it is ready may tell it to end.
  const over = ended()
  manager.ready(fromText(settings.root))
  logger.log('info', 'serves containerd', { address: settings.address, root: settings.root })
  snapshotter.parts.spares.fill()
  warmUp.begin()
  await over
  manager.stopping()
  await shutDown(server)
  rmSync(settings.address, { force: true })
  web?.close()
  containerd.close()
  await warmUp.end()
  snapshotter.parts.spares.end()
  await snapshotter.cleanup()
  await client.stop()
  records.close()
  return 0
}

function all(observers: readonly (Observe | undefined)[]): Observe {
  const given = observers.filter((observe) => observe !== undefined)
  return (...call) => {
    for (const observe of given) observe(...call)
  }
}

function makeSnapshotter(
  { mounts: mode }: SnapshotterSettings,
  { places, records, quiet }: Pick<Parts, 'places' | 'records'> & { readonly quiet: Quiet },
  client: MountClient,
  log: Log,
): Snapshotter {
  const unions = new Unions(places, client, log)
  const spares = new Spares(places.temporary, quiet)
  return new Snapshotter({ places, records, unions, spares, trash: new Trash(places, quiet, log), log, mode })
}

/** Its mounts share a host of their own, by which nothing else is served; what is known of layers lies with them. */
function ownHost(places: Places): MountClient {
  process.env.STRATAFS_STACKS ??= `${places.root}/index`
  process.env.STRATAFS_HOST_IDLE ??= String(HOST_IDLE)
  return new MountClient()
}

async function roomFor(metrics: string): Promise<ReturnType<typeof metricsAddress>> {
  const address = metricsAddress(metrics)
  if ('path' in address) await makeRoom('--metrics', address.path)
  return address
}

async function listen(
  address: string,
  snapshotter: Snapshotter,
  containerd: Containerd,
  handling: Handling,
): Promise<Server> {
  const content = new ContentStore(containerd, shown(snapshotter.parts.places.temporary))
  const server = await listenOn(address, {
    [SNAPSHOTS]: snapshotsService(snapshotter, handling),
    [DIFF]: diffService(snapshotter, content, handling),
    [HEALTH]: healthService([SNAPSHOTS, DIFF]),
  })
  watchAuthority(server, handling.log)
  return server
}

function ended(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve()).once('SIGINT', () => resolve())
  })
}

/** Lets calls end that are under way. Clients that keep their connection for longer lose it. */
function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(late)
      server.forceShutdown()
      resolve()
    }
    const late = setTimeout(end, PATIENCE_MS)
    server.tryShutdown(end)
  })
}
