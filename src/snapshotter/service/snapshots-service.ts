/** containerd.services.snapshots.v1.Snapshots: requests to the snapshotter, answers back. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { infoOf, Kind, type Snapshot } from '../records/snapshot.js'
import { type Handling, streaming, unary } from '../wire/handlers.js'
import type { CommitRequest, KeyRequest, ListRequest, PrepareRequest, UpdateRequest } from '../wire/messages.js'
import type { Snapshotter } from './snapshotter.js'

export const SNAPSHOTS = 'containerd.services.snapshots.v1.Snapshots'

/** Snapshots in one message of List. */
const BATCH = 100

export function snapshotsService(snapshotter: Snapshotter, handling: Handling): UntypedServiceImplementation {
  const call = <Request, Response>(method: string, answer: (request: Request) => Promise<Response> | Response) =>
    unary<Request, Response>(handling, method, answer)
  return {
    Prepare: call('Prepare', async (request: PrepareRequest) => ({
      mounts: await snapshotter.prepare(Kind.ACTIVE, request),
    })),
    View: call('View', async (request: PrepareRequest) => ({ mounts: await snapshotter.prepare(Kind.VIEW, request) })),
    Mounts: call('Mounts', async ({ key }: KeyRequest) => ({ mounts: await snapshotter.mounts(key) })),
    Commit: call('Commit', async (request: CommitRequest) => {
      await snapshotter.commit(request)
      return {}
    }),
    Remove: call('Remove', async ({ key }: KeyRequest) => {
      await snapshotter.remove(key)
      return {}
    }),
    Stat: call('Stat', ({ key }: KeyRequest) => ({ info: infoOf(snapshotter.stat(key)) })),
    Update: call('Update', async (request: UpdateRequest) => ({ info: infoOf(await snapshotter.update(request)) })),
    Usage: call('Usage', ({ key }: KeyRequest) => snapshotter.usage(key)),
    Cleanup: call('Cleanup', async () => {
      await snapshotter.cleanup()
      return {}
    }),
    List: streaming(handling, 'List', ({ filters }: ListRequest) => batches(snapshotter.list(filters))),
  }
}

function* batches(all: readonly Snapshot[]): Generator<{ info: ReturnType<typeof infoOf>[] }> {
  for (let at = 0; at < all.length; at += BATCH) yield { info: all.slice(at, at + BATCH).map(infoOf) }
}
