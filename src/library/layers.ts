/** The library's functions for a layer's archive, and for an OCI bundle over a mount. */
import { shown } from '../base/text.js'
import type { PolicyOptions } from '../oci/apply/policy.js'
import type { Progress } from '../oci/apply/source.js'
import type { Unpacked } from '../oci/apply/unpack.js'
import { makeBundle } from '../oci/bundle/bundle.js'
import { absolute, type Path, toBytes, unwrap } from './paths.js'

export { type PolicyOptions, parseBytes, parseCount } from '../oci/apply/policy.js'
export type { Progress } from '../oci/apply/source.js'
export type { Unpacked } from '../oci/apply/unpack.js'

export interface ApplyOptions extends PolicyOptions {
  /** `sha256:…` that the archive, or its content, has to have. */
  readonly digest?: string | undefined
  readonly diffID?: string | undefined
  /** Do not wait until it is on disk. */
  readonly volatile?: boolean | undefined
  /** Ends the work, with nothing left behind; its reason is what is thrown. */
  readonly signal?: AbortSignal | undefined
  readonly progress?: Progress | undefined
}

/**
 * Unpacks a layer's tar (plain, gzip or zstd; `-` is standard input) as the lower directory `directory`, all of it or
 * nothing.
 */
export async function apply(archive: Path, directory: Path, options: ApplyOptions = {}): Promise<Unpacked> {
  const [{ policyOf }, { unpack }] = await Promise.all([
    import('../oci/apply/policy.js'),
    import('../oci/apply/unpack.js'),
  ])
  const { digest, diffID, volatile, signal, progress } = options
  const policy = policyOf(options)
  const places = { archive: toBytes(archive), directory: absolute(directory) }
  return unpack({ ...places, policy, digest, diffID, sync: volatile !== true, signal, progress })
}

export interface BundleOptions {
  /** What runs in it; a shell where none is given. */
  readonly command?: readonly Path[] | undefined
  /** 0 where not given. */
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly terminal?: boolean | undefined
  /** The root is read-only; always so where the mount has no upper. */
  readonly readonly?: boolean | undefined
}

export interface Bundle {
  readonly directory: string
  /** The file config.json in it. */
  readonly config: string
  /** The mountpoint. */
  readonly root: string
}

/** Writes an OCI bundle (`directory`/config.json) whose root is the mount on `mountpoint`. */
export async function bundle(mountpoint: Path, directory: Path, options: BundleOptions = {}): Promise<Bundle> {
  const { command = [], uid = 0, gid = 0, terminal = false, readonly = false } = options
  const at = absolute(directory)
  const choices = { command: command.map(toBytes), uid, gid, terminal, readonly }
  const { config, root } = unwrap(makeBundle({ merged: absolute(mountpoint), directory: at, ...choices }))
  return { directory: shown(at), config: shown(config), root: shown(root) }
}
