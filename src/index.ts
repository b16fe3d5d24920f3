/**
 * stratafs as a library: the contract for programs. Paths are ordinary strings, or buffers where they are no UTF-8.
 * Relative ones are taken from the current directory. What fails throws a `StratafsError` with the sentence that the
 * command would print, a code, and what to do. docs/library.md describes every name here.
 *
 *     const root = await mount('/merged', { lower: ['/layers/app', '/layers/base'], upper: '/data/upper' })
 *     await root.unmount()
 */
export { type FailureCode, StratafsError } from './base/failure.js'
export { type Breach, type CheckRules, checkImage, type ImageCheck } from './explore/check.js'
export { explore, type Target as ExploreTarget } from './explore/explorer.js'
export type { NamedDirectories } from './explore/sources/directories.js'
export {
  type BranchCreated,
  type BranchOptions,
  type BranchSummary,
  createBranch,
  listBranches,
  mountBranch,
  removeBranch,
} from './library/branches/branches.js'
export {
  type BranchMerged,
  type MergeConflict,
  type MergeOptions,
  mergeBranch,
} from './library/branches/merge-branch.js'
export { type PruneSnapshotsOptions, pruneSnapshots, type SnapshotsPruned } from './library/branches/prune-snapshots.js'
export { type ChangeLogOptions, changeLog, type LoggedChange } from './library/change-log.js'
export {
  type Archive,
  type Change,
  type Changed,
  type CommitImageOptions,
  type CommitOptions,
  type CommittedImage,
  type Compression,
  commit,
  commitToImage,
  diff,
  previewCommit,
  type Summary,
} from './library/changes.js'
export { checkMounts, type MountHealth } from './library/health.js'
export {
  type HostStatus,
  listHosts,
  type StoppedHosts,
  stopHosts,
  type UpgradedHosts,
  upgradeHosts,
} from './library/hosts.js'
export {
  diffImages,
  type ImageChange,
  type ImageTreeDocument,
  imageTree,
  type Other,
  type ReadOptions,
  type SharedLayer,
} from './library/image-contents.js'
export {
  type CountOptions,
  countImages,
  filterImages,
  type HistoryRow,
  type ImageDocument,
  imageHistory,
  inspectImage,
  type ListedImage,
  listImages,
  type PlatformOptions,
} from './library/image-documents.js'
export {
  type Imported,
  type ImportOptions,
  importImage,
  type LoadedImage,
  type LoadOptions,
  loadImages,
} from './library/image-import.js'
export { type ImageMountOptions, type MountedImage, mountImage } from './library/image-mount.js'
export {
  type ExportOptions,
  exportImage,
  type LayerInWork,
  type PresentLayer,
  type Removal,
  removeImage,
  type StoreOptions,
  type UnpackedImage,
  type UnpackOptions,
  unpackImage,
} from './library/image-store.js'
export {
  type ImageWaste,
  imageWaste,
  type WasteFix,
  type WasteOfLayer,
  type WasteOfPath,
} from './library/image-waste.js'
export {
  type ApplyOptions,
  apply,
  type Bundle,
  type BundleOptions,
  bundle,
  type PolicyOptions,
  type Progress,
  type Unpacked,
} from './library/layers.js'
export { type LimitOptions, limit, type UpperLimitReport } from './library/limit.js'
export {
  type AddLayersOptions,
  addLayers,
  type LayersChanged,
  removeLayers,
  replaceLayer,
} from './library/live/layers.js'
export {
  type InspectDocument,
  inspect,
  inspectAll,
  type Mount,
  type MountOptions,
  type MountStats,
  mount,
  remount,
  stats,
  type UnmountOptions,
  unmount,
} from './library/mount.js'
export { type MountSummary, summarizeMounts } from './library/mounts.js'
export {
  type BuildProgress,
  type BuiltIndex,
  buildIndex,
  dropIndex,
  type IndexStatus,
  indexStatus,
  type LayerTarget,
  type VerifiedIndex,
  verifyIndex,
} from './library/owner-index.js'
export {
  type LayerSpace,
  listOwners,
  type NamedLayers,
  type Origin,
  type OwnerOfEntry,
  spaceByLayer,
  which,
} from './library/owners.js'
export type { Path } from './library/paths.js'
export {
  createSnapshot,
  diffSnapshots,
  listSnapshots,
  type RemoveOptions,
  type RestoreOptions,
  removeSnapshot,
  restoreSnapshot,
  type SnapshotChange,
  type SnapshotDetails,
  type SnapshotMade,
  type SnapshotOptions,
  type SnapshotRemoved,
  type SnapshotRestored,
  type SnapshotSummary,
  showSnapshot,
} from './library/snapshots.js'
export { listStore, pruneStore, type StorePiece, unneededInStore } from './library/store.js'
