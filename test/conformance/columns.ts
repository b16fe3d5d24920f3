/**
 * The columns of the conformance page: the filesystems every case is run on. A column says whether it can run here,
 * what its users may do, and how a set of layers becomes a merged directory and stops being one. A new column is one
 * more object in `columns`. The probe that acts in a mount is the column's too, because an ordinary user's mount is
 * seen only by that user, inside a mount namespace of its own.
 */
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants as os, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LAUNCH } from '../daemon/harness.js'
import { notInstalled } from '../tools/installed.js'
import { carriesOverlay, processesOf } from './ground.js'
import { type Limit, limitOf } from './limits.js'
import { Probe } from './probe.js'

/**
 * What a case may need: `layers` (it looks at them, or has more than a copied directory could show), `owners` (files of
 * several users, acting as another user), `devices`, `trusted` (xattrs of that class), `kernel-marks` (redirects and
 * metacopy are read and written), `docker-marks` (`.wh.` names are whiteouts), `ours` (what only this project has).
 */
export type Capability = 'layers' | 'owners' | 'devices' | 'trusted' | 'kernel-marks' | 'docker-marks' | 'ours'

export interface Layers {
  readonly lowers: readonly string[]
  /** null: the mount is read-only. */
  readonly upper: string | null
  readonly work: string
  readonly merged: string
}

export interface MountOptions {
  readonly redirect_dir?: 'on' | 'off' | 'follow' | 'nofollow'
  readonly metacopy?: 'on' | 'off'
  readonly index?: 'on' | 'off'
  readonly xino?: 'on' | 'off' | 'auto'
  readonly volatile?: true
  readonly data?: 'passthrough' | 'cached'
  readonly writeback?: 0 | 1
  /** Mount read-only though there is an upper layer. */
  readonly ro?: true
}

export interface Column {
  readonly name: string
  readonly title: string
  readonly capabilities: ReadonlySet<Capability>
  /** Where its marks are stored. */
  readonly xattrPrefix: 'trusted.' | 'user.'
  /** Who owns planted files, and acts. */
  readonly uid: number
  readonly gid: number
  /** true, or why it cannot run here. */
  available(): true | string
  /** The probe that acts; `program` lies in `directory`. */
  start(directory: string, program: string): Probe
  mount(layers: Layers, options: MountOptions, actor: Probe): void
  unmount(layers: Layers, actor: Probe): void
  /** Other columns, which this one is made of: it differs where one of them does. */
  readonly like?: readonly string[]
  /** In nanoseconds, where times are coarser than on disk. */
  readonly timeUnit?: bigint
  /** The known limit that makes a case fail here; null where it has to pass. */
  limitOf?(family: string, name: string): Limit | null
}

export const repository = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const stratafs = join(repository, 'dist/src/cli/stratafs.cjs')
const MS_PATIENCE = 90_000

/** Runs a program to its end; throws with what it said when it failed. */
export function must(program: string, words: readonly string[], more: NodeJS.ProcessEnv = {}): string {
  const env = { ...process.env, LIBMOUNT_FORCE_MOUNT2: 'always', ...more }
  const done = spawnSync(program, words, {
    encoding: 'latin1',
    timeout: MS_PATIENCE,
    killSignal: os.signals.SIGKILL,
    env,
  })
  if (done.status === 0) return done.stdout
  const why = done.error ? done.error.message : `status ${done.status ?? done.signal}: ${done.stderr}${done.stdout}`
  throw new Error(`${program} ${words.join(' ')}: ${why}`)
}

const isRoot = (): true | string => process.getuid?.() === 0 || 'needs root'

export function optionWords(options: MountOptions): string[] {
  const { ro, volatile, ...named } = options
  const words = Object.entries(named).map(([name, value]) => `${name}=${value}`)
  return [...(ro ? ['ro'] : []), ...(volatile ? ['volatile'] : []), ...words]
}

function layerWords(layers: Layers): string[] {
  const lower = `lowerdir=${layers.lowers.join(':')}`
  return layers.upper === null ? [lower] : [lower, `upperdir=${layers.upper}`, `workdir=${layers.work}`]
}

const kernel: Column = {
  name: 'kernel',
  title: 'kernel overlayfs (the oracle)',
  capabilities: new Set<Capability>(['layers', 'owners', 'devices', 'trusted', 'kernel-marks']),
  xattrPrefix: 'trusted.',
  uid: 0,
  gid: 0,
  available() {
    if (isRoot() !== true) return 'needs root'
    if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'latin1'))) return 'this kernel has no overlayfs'
    return carriesOverlay()
  },
  start: (directory, program) => new Probe(directory, program),
  mount(layers, options) {
    const defaults: MountOptions = layers.upper === null ? {} : { redirect_dir: 'on', index: 'on' }
    const words = [...layerWords(layers), ...optionWords({ ...defaults, ...options })]
    must('mount', ['-t', 'overlay', 'overlay', '-o', words.join(','), layers.merged])
  },
  unmount: (layers) => void must('umount', [layers.merged]),
}

/** Those whose plain directory is there already: a remount finds it as it was left. */
const copied = new WeakSet<Layers>()

const plain: Column = {
  name: 'plain',
  title: 'a plain directory (ext4)',
  capabilities: new Set<Capability>(['owners', 'devices', 'trusted']),
  xattrPrefix: 'trusted.',
  uid: 0,
  gid: 0,
  available: isRoot,
  start: (directory, program) => new Probe(directory, program),
  mount(layers) {
    if (copied.has(layers)) return
    copied.add(layers)
    must('cp', ['-a', '--sparse=always', `${layers.lowers[0]}/.`, layers.merged])
  },
  unmount: () => {},
}

/** More options for every mount of ours, as CONFORMANCE_OPTIONS=recover=on: for runs by hand. */
const further = process.env.CONFORMANCE_OPTIONS ?? ''

/** The words that mount `layers`. */
export function ourWords(layers: Layers, options: MountOptions): string[] {
  const lowers = layers.lowers.flatMap((lower) => ['--lower', lower])
  const writable = layers.upper === null ? [] : ['--upper', layers.upper, '--work', layers.work]
  // Our index needs no option, and hard links hold together without one.
  const { index: _, ...rest } = options
  const defaults: MountOptions = layers.upper === null ? {} : { redirect_dir: 'on' }
  const words = [...optionWords({ ...defaults, ...rest }), ...(further === '' ? [] : [further])]
  return [stratafs, 'mount', ...lowers, ...writable, ...(words.length ? ['-o', words.join(',')] : []), layers.merged]
}

const built = (): true | string => existsSync(stratafs) || 'the command line is not built (dist/src/cli/stratafs.cjs)'

/** Waits until no process serves the mount any more: it must end by itself once unmounted. Throws when it does not. */
export function awaitDaemonEnd(layers: Layers): void {
  for (const until = Date.now() + MS_PATIENCE; processesOf(layers.merged).length > 0; ) {
    if (Date.now() > until) throw new Error(`the daemon of ${layers.merged} has not ended after the unmount`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
}

/** Where a column's host has its socket; gone with this process, as the host is a second after its last mount. */
let runDirectory: string | null = null

function ownRunDirectory(uid = 0): string {
  if (runDirectory !== null) return runDirectory
  const made = mkdtempSync(join(tmpdir(), 'stratafs-column-'))
  if (uid !== 0) chownSync(made, uid, uid)
  runDirectory = made
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  return made
}

/** A host that ends a second after its last mount. */
const BRIEF = { STRATAFS_HOST_IDLE: '1' }

/** Mounts as an install does, by the launcher: in the host that serves all mounts, or each in a process of its own. */
function launch(layers: Layers, options: MountOptions, host: 'on' | 'off'): void {
  const [, ...words] = ourWords(layers, options)
  const own = host === 'off' ? { STRATAFS_HOST: 'off' } : BRIEF
  must(LAUNCH, words, { STRATAFS_NAME: 'stratafs', STRATAFS_RUN_DIR: ownRunDirectory(), ...own })
}

/** Waits until nobody has the mount's upper any more, as the next mount of it does. */
function awaitEnd(layers: Layers): void {
  if (layers.upper === null) return
  must('flock', ['-w', String(MS_PATIENCE / 1000), layers.upper, 'true'])
}

export const root: Column = {
  name: 'root',
  title: 'stratafs as root (data=passthrough), in the host that serves all mounts',
  capabilities: new Set<Capability>(['layers', 'owners', 'devices', 'trusted', 'kernel-marks', 'docker-marks', 'ours']),
  xattrPrefix: 'trusted.',
  uid: 0,
  gid: 0,
  available() {
    if (isRoot() !== true) return 'needs root'
    if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse'
    return built() === true ? existsSync(LAUNCH) || 'the launcher is not built (npm run build:native)' : built()
  },
  start: (directory, program) => new Probe(directory, program),
  mount: (layers, options) => launch(layers, { data: 'passthrough', ...options }, 'on'),
  unmount(layers) {
    must('umount', [layers.merged])
    awaitEnd(layers)
  },
}

export function ownProcessUnmount(layers: Layers): void {
  must('umount', [layers.merged])
  awaitDaemonEnd(layers)
}

const fuseNative: Column = {
  ...root,
  unmount: ownProcessUnmount,
  name: 'fuse-native',
  title: 'stratafs over fuse-native, as root',
  timeUnit: 1_000_000n,
  limitOf,
  available() {
    if (root.available() !== true) return root.available()
    const loads =
      'import(process.argv[1]).then(m => { const r = m.loadFuseNative(); if (typeof r === "string") throw r })'
    const module = join(repository, 'dist/src/transport/fuse-native/package.js')
    const tried = spawnSync(process.execPath, ['-e', loads, module], { encoding: 'utf8' })
    return tried.status === 0 || `fuse-native cannot be loaded: ${tried.stderr.trim().split('\n').at(-1)}`
  },
  mount(layers, options) {
    const [, ...words] = ourWords(layers, options)
    const own = { STRATAFS_NAME: 'stratafs', STRATAFS_RUN_DIR: ownRunDirectory(), STRATAFS_HOST: 'off' }
    must(LAUNCH, [...words, '--transport', 'fuse-native', '--accept-limits'], own)
  },
}

const cached: Column = {
  ...root,
  name: 'cached',
  title: 'stratafs as root (data=cached,writeback=1), each mount in a process of its own',
  mount: (layers, options) => launch(layers, { data: 'cached', writeback: 1, ...options }, 'off'),
  unmount: ownProcessUnmount,
}

export const NOBODY = 65534

/** The words that run a program as the ordinary user where the actor's mount namespace is. */
function asUser(actor: Probe, words: readonly string[], more: NodeJS.ProcessEnv = {}): void {
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  const home = ['env', 'HOME=/nonexistent', `XDG_RUNTIME_DIR=${dirname(words.at(-1)!)}`]
  must('nsenter', ['-t', String(actor.process.pid), '-m', 'setpriv', ...user, ...home, ...words], more)
}

/** Shell words that take the copies of other tests' mounts out of a new mount namespace. */
export const withoutOthers =
  "umount -a -l -t fuse.stratafs; sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - overlay stratafs .*/\\1/p' " +
  '/proc/self/mountinfo | xargs -r umount -l'

const user: Column = {
  name: 'user',
  title: 'stratafs as an ordinary user (data=cached), in a host of that user',
  capabilities: new Set<Capability>(['layers', 'kernel-marks', 'docker-marks', 'ours']),
  xattrPrefix: 'user.',
  uid: NOBODY,
  gid: NOBODY,
  available() {
    if (isRoot() !== true) return 'needs root, to become an ordinary user in a mount namespace of its own'
    const missing = notInstalled('fusermount3', 'setpriv', 'unshare', 'nsenter')
    if (missing) return missing
    if (built() !== true) return built()
    const readable = spawnSync('setpriv', [
      `--reuid=${NOBODY}`,
      '--clear-groups',
      process.execPath,
      '--check',
      stratafs,
    ])
    return readable.status === 0 || `the user nobody cannot read ${basename(stratafs)} in ${repository}`
  },
  start(directory, program) {
    const node = join(directory, 'fuse')
    if (!existsSync(node)) {
      must('mknod', [node, 'c', '10', '229'])
      must('chmod', ['666', node])
    }
    const become = `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "$0"`
    // A copy of another test's mount in this namespace would keep its daemon from ending.
    const inside = `${withoutOthers}; mount --bind '${node}' /dev/fuse && ${become}`
    return new Probe(
      directory,
      program,
      (path) => `exec unshare -m --propagation private sh -c '${inside.replaceAll("'", `'\\''`)}' ${path}`,
    )
  },
  mount(layers, options, actor) {
    // Its answer says that its mount namespace, with the device in it, is there.
    actor.pid()
    const [, ...words] = ourWords(layers, options)
    const directory = ownRunDirectory(NOBODY)
    asUser(actor, [LAUNCH, ...words], { STRATAFS_NAME: 'stratafs', STRATAFS_RUN_DIR: directory, ...BRIEF })
  },
  unmount(layers, actor) {
    asUser(actor, ['fusermount3', '-u', layers.merged])
    awaitEnd(layers)
  },
}

const plainUser: Column = {
  ...plain,
  name: 'plain-user',
  title: 'a plain directory (ext4), as an ordinary user',
  capabilities: new Set<Capability>(),
  xattrPrefix: 'user.',
  uid: NOBODY,
  gid: NOBODY,
  available: () => (isRoot() === true ? notInstalled('setpriv') || true : 'needs root, to become an ordinary user'),
  start(directory, program) {
    const become = `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups`
    return new Probe(directory, program, (path) => `${become} ${path}`)
  },
}

const columns: readonly Column[] = [kernel, plain, plainUser, root, cached, user, fuseNative]

/** The column of that name; throws where there is none. */
export function columnNamed(name: string): Column {
  const found = columns.find((column) => column.name === name)
  if (!found) throw new Error(`there is no column ${name}`)
  return found
}
