/**
 * What each command prints with `--json`, by the words that call it. The files in docs/schemas are made of these types
 * (`npm run schemas`); docs/json.md says what programs may rely on.
 */
import { printJson } from '../terminal/print.js'
import type * as branches from './branches.js'
import type * as images from './images.js'
import type * as layers from './layers.js'
import type * as liveLayers from './live-layers.js'
import type * as mounts from './mounts.js'
import type * as owners from './owners.js'
import type * as snapshots from './snapshots.js'

export interface Documents {
  readonly mount: mounts.MountDocument
  readonly unmount: mounts.UnmountDocument
  readonly list: mounts.ListDocument
  readonly health: mounts.HealthDocument
  readonly stats: mounts.StatsDocument
  readonly host: mounts.HostDocument
  readonly limit: mounts.LimitDocument
  readonly log: mounts.LogDocument
  readonly inspect: mounts.InspectDocuments
  readonly which: owners.WhichDocument
  readonly ls: owners.LsDocument
  readonly du: owners.DuDocument
  readonly 'index build': owners.IndexBuildDocument
  readonly 'index verify': owners.IndexVerifyDocument
  readonly 'index status': owners.IndexStatusDocument
  readonly 'index drop': owners.IndexDropDocument
  readonly 'snapshot create': snapshots.SnapshotCreateDocument
  readonly 'snapshot list': snapshots.SnapshotListDocument
  readonly 'snapshot show': snapshots.SnapshotShowDocument
  readonly 'snapshot diff': snapshots.SnapshotDiffDocument
  readonly 'snapshot restore': snapshots.SnapshotRestoreDocument
  readonly 'snapshot rm': snapshots.SnapshotRmDocument
  readonly 'snapshot prune': snapshots.SnapshotPruneDocument
  readonly 'branch create': branches.BranchCreateDocument
  readonly 'branch list': branches.BranchListDocument
  readonly 'branch mount': branches.BranchMountDocument
  readonly 'branch merge': branches.BranchMergeDocument
  readonly 'branch rm': branches.BranchRmDocument
  readonly 'layer add': liveLayers.LayerAddDocument
  readonly 'layer remove': liveLayers.LayerRemoveDocument
  readonly 'layer replace': liveLayers.LayerReplaceDocument
  readonly diff: layers.DiffDocument
  readonly commit: layers.CommitDocument
  readonly apply: layers.ApplyDocument
  readonly bundle: layers.BundleDocument
  readonly 'image list': images.ImageListDocument
  readonly 'image history': images.ImageHistoryDocument
  readonly 'image inspect': images.ImageInspectDocuments
  readonly 'image diff': images.ImageDiffDocument
  readonly 'image tree': images.ImageTreeDocument
  readonly 'image waste': images.ImageWasteDocument
  readonly 'image load': images.ImageLoadDocument
  readonly 'image check': images.ImageCheckDocument
  readonly explore: images.ExploreDocument
  readonly 'image import': images.ImageImportDocument
  readonly 'image export': layers.CommitDocument
  readonly 'image commit': layers.CommitDocument
  readonly 'image unpack': images.ImageUnpackDocument
  readonly 'image mount': images.ImageMountDocument
  readonly 'image rm': images.ImageRmDocument
  readonly snapshotter: mounts.SnapshotterDocument
  readonly 'store list': images.StoreListDocument
  readonly 'store prune': images.StorePruneDocument
}

/** Prints the document of `command`; the exit code. */
export function printDocument<Command extends keyof Documents>(
  _command: Command,
  document: Documents[Command],
): number {
  return printJson(document)
}
