/**
 * stratafs as a library: the contract for programs. Paths are ordinary strings (or buffers where they
 * are no UTF-8), relative ones taken from the current directory; failures are thrown as `StratafsError` with the
 * sentence that the command line would print.
 *
 *     const root = await mount('/merged', { lower: ['/layers/app', '/layers/base'], upper: '/data/upper' })
 *     await root.unmount()
 */
import { StratafsError } from './base/failure.js'
import { fromText, shown } from './base/text.js'
import { askDaemon } from './daemon/control/control-client.js'
import type { ControlRequest } from './daemon/control/control-protocol.js'
import { findMount } from './daemon/control/find-mount.js'
import type { InspectDocument } from './daemon/control/inspect-document.js'
import { unmount as unmountPath } from './daemon/control/unmount.js'
import { listMounts } from './daemon/mount/run-directory.js'
import { parseOptions } from './daemon/options/parse.js'
import { mountInBackground } from './daemon/process/background.js'
import { absolute, askOf, type Path, toBytes, toText, unwrap } from './library/paths.js'
import type { PolicyOptions } from './oci/apply/policy.js'
import type { Progress } from './oci/apply/source.js'
import type { Unpacked } from './oci/apply/unpack.js'
import { makeBundle } from './oci/bundle/bundle.js'

export { StratafsError } from './base/failure.js'
export type { InspectDocument } from './daemon/control/inspect-document.js'
export {
  type Archive,
  type Change,
  type Changed,
  type CommitImageOptions,
  type CommitOptions,
  type CommittedImage,
  commit,
  commitToImage,
  diff,
} from './library/changes.js'
export { buildIndex, dropIndex, indexStatus, type LayerTarget, verifyIndex } from './library/owner-index.js'
export { type LayerSpace, listOwners, type Origin, spaceByLayer, which } from './library/owners.js'
export type { Path } from './library/paths.js'
export type { Unpacked } from './oci/apply/unpack.js'

export interface MountOptions {
  /** Lower directories, top first; 1 to 500. */
  readonly lower: readonly Path[]
  /** Without it the mount is read-only. */
  readonly upper?: Path
  /** Where none is named: `.NAME.work` beside the upper directory. */
  readonly work?: Path
  /** Further mount options, as after `-o`: `'volatile,metacopy=on'`. */
  readonly options?: string
  /** Gets a sentence when the upper is held by a mount that is on its way out. */
  readonly notice?: (sentence: string) => void
  /** Ends that wait. */
  readonly signal?: AbortSignal
}

export interface Mount {
  /** Resolved. */
  readonly mountpoint: string
  /** The process that serves it. */
  readonly pid: number
  /** What was ignored among the options. */
  readonly warnings: readonly string[]
  unmount(options?: { lazy?: boolean }): Promise<void>
}

/** Mounts in a background process that outlives this one; resolves once the mount answers. */
export async function mount(mountpoint: Path, options: MountOptions): Promise<Mount> {
  const parsed = parseOptions(options.options === undefined ? [] : [fromText(options.options)], {
    strict: true,
    cwd: fromText(process.cwd()),
    lowers: options.lower.map(toBytes),
    ...(options.upper === undefined ? {} : { upper: toBytes(options.upper) }),
    ...(options.work === undefined ? {} : { work: toBytes(options.work) }),
  })
  const { config, settings, options: words, warnings } = unwrap(parsed)
  const plan = { config, settings, options: words, mountpoint: absolute(mountpoint) }
  const { notice: say = () => {}, signal } = options
  const { pid, mountpoint: real, notice } = unwrap(await mountInBackground(plan, warnings, { say, signal }))
  const end = ({ lazy = false } = {}) => unmount(Buffer.from(real, 'latin1'), { lazy })
  return { mountpoint: shown(real), pid, warnings: notice === null ? warnings : [...warnings, notice], unmount: end }
}

export interface ApplyOptions extends PolicyOptions {
  /** `sha256:…` that the archive, or its content, has to have. */
  readonly digest?: string
  readonly diffID?: string
  /** Do not wait until it is on disk. */
  readonly volatile?: boolean
  readonly signal?: AbortSignal
  readonly progress?: Progress
}

/** Unpacks a layer's tar (plain, gzip or zstd) as the lower directory `directory`, all of it or nothing. */
export async function apply(archive: Path, directory: Path, options: ApplyOptions = {}): Promise<Unpacked> {
  const [{ policyOf }, { unpack }] = await Promise.all([
    import('./oci/apply/policy.js'),
    import('./oci/apply/unpack.js'),
  ])
  const { digest, diffID, volatile, signal, progress } = options
  const policy = policyOf(options)
  const places = { archive: toBytes(archive), directory: absolute(directory) }
  return unpack({ ...places, policy, digest, diffID, sync: volatile !== true, signal, progress })
}

/**
 * Unmounts, and waits for the daemon to end unless `lazy`. `notice` gets a sentence when that takes long, and when
 * other mount namespaces keep the mount, whose daemon then serves on.
 */
export async function unmount(
  mountpoint: Path,
  options: { lazy?: boolean; notice?: (sentence: string) => void } = {},
): Promise<void> {
  const result = await unmountPath(absolute(mountpoint), options.lazy ?? false, options.notice ?? (() => {}))
  if (result !== null) throw new StratafsError(result.error)
}

/** What is mounted on `mountpoint`. */
export async function inspect(mountpoint: Path): Promise<InspectDocument> {
  return (await ask(mountpoint, { command: 'inspect' })) as InspectDocument
}

/** Every mount of this user that answers. */
export async function inspectAll(): Promise<InspectDocument[]> {
  const replies = await Promise.all(listMounts().map(({ socket }) => askDaemon(socket, { command: 'inspect' })))
  return replies.flatMap((reply) => (reply.ok ? [reply.result as InspectDocument] : []))
}

/** Counters of the mount on `mountpoint`: requests by kind, copy-ups, memory. */
export async function stats(mountpoint: Path): Promise<Record<string, unknown>> {
  return (await ask(mountpoint, { command: 'stats' })) as Record<string, unknown>
}

export interface BundleOptions {
  /** What runs in it; a shell where none is given. */
  readonly command?: readonly Path[]
  /** 0 where not given. */
  readonly uid?: number
  readonly gid?: number
  readonly terminal?: boolean
  /** The root is read-only; always so where the mount has no upper. */
  readonly readonly?: boolean
}

/** Writes an OCI bundle (`directory`/config.json) whose root is the mount on `mountpoint`. */
export async function bundle(
  mountpoint: Path,
  directory: Path,
  options: BundleOptions = {},
): Promise<{ readonly directory: string; readonly config: string; readonly root: string }> {
  const { command = [], uid = 0, gid = 0, terminal = false, readonly = false } = options
  const at = absolute(directory)
  const choices = { command: command.map(toBytes), uid, gid, terminal, readonly }
  const { config, root } = unwrap(makeBundle({ merged: absolute(mountpoint), directory: at, ...choices }))
  return { directory: shown(at), config: shown(config), root: shown(root) }
}

async function ask(mountpoint: Path, request: ControlRequest): Promise<unknown> {
  const { daemon } = unwrap(findMount(absolute(mountpoint)))
  if (daemon === null) {
    const words = 'its daemon is dead or another user’s: `stratafs unmount` takes a dead mount away'
    throw new StratafsError(`${toText(mountpoint)} cannot be asked: ${words}`)
  }
  return askOf(daemon.socket, request, toText(mountpoint))
}
