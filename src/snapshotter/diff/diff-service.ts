/** containerd.services.diff.v1.Diff: layers into snapshots, and snapshots into layers. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Snapshotter } from '../service/snapshotter.js'
import { type Handling, unary } from '../wire/handlers.js'
import type { ApplyRequest, DiffRequest } from '../wire/messages.js'
import { applyDiff } from './apply.js'
import { compareMounts } from './compare.js'
import type { ContentStore } from './content.js'

export const DIFF = 'containerd.services.diff.v1.Diff'

export function diffService(
  snapshotter: Snapshotter,
  content: ContentStore,
  handling: Handling,
): UntypedServiceImplementation {
  return {
    Apply: unary(handling, 'Apply', async (request: ApplyRequest, caller) => ({
      applied: await applyDiff(snapshotter, content, request, caller),
    })),
    Diff: unary(handling, 'Diff', async (request: DiffRequest, caller) => ({
      diff: await compareMounts(snapshotter, content, request, caller),
    })),
  }
}
