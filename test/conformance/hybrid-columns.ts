/**
 * The columns of engine=hybrid: as root, and as root of a user namespace. They are run by hand (`npm run test:hybrid`)
 * and have a page of their own.
 */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeAhead } from '../../src/daemon/hybrid/image-ahead.js'
import { notInstalled } from '../tools/installed.js'
import {
  awaitDaemonEnd,
  type Capability,
  type Column,
  type Layers,
  type MountOptions,
  must,
  NOBODY,
  optionWords,
  ourWords,
  ownProcessUnmount,
  root,
  withoutOthers,
} from './columns.js'
import { carriesOverlay } from './ground.js'
import { hybridLimitOf, hybridObstacle, imageLimitOf, userLimitOf } from './hybrid-limits.js'
import { Probe } from './probe.js'

type Run = (words: readonly string[]) => string

/** Mounts; another engine, or lower, that stands in would hide faults, so it is refused. */
function mountBy(run: Run, layers: Layers, options: MountOptions, lower: 'fuse' | 'image' = 'fuse'): void {
  const { data: _data, writeback: _writeback, ...rest } = options
  const [program = '', command = '', ...words] = ourWords(layers, rest)
  const more = lower === 'image' ? ',index=immutable' : ''
  run([process.execPath, program, command, '-o', `engine=hybrid${more}`, ...words])
  const told = JSON.parse(run([process.execPath, program, 'inspect', '--json', layers.merged]))
  const { Engine, Downgrades } = Array.isArray(told) ? told[0] : told
  const stands = Engine?.Lower?.Kind
  if (stands !== undefined && stands !== lower) throw new Error(`not on the ${lower}: ${Engine.Lower.Why}`)
  if (Engine?.Engine !== 'hybrid') throw new Error(`not served by the hybrid engine: ${Downgrades.join('; ')}`)
}

const here: Run = ([program = '', ...words]) => must(program, words)

export const hybrid: Column = {
  ...root,
  name: 'hybrid',
  title: 'stratafs as root (engine=hybrid)',
  like: ['kernel', 'root'],
  limitOf: hybridLimitOf,
  available() {
    if (root.available() !== true) return root.available()
    return hybridObstacle() ?? carriesOverlay()
  },
  mount: (layers, options) => mountBy(here, layers, options),
  unmount: ownProcessUnmount,
}

/**
 * On a metadata image, which is made before each mount: where a case has changed the layers meanwhile, it is of what
 * they are now.
 */
export const hybridImage: Column = {
  ...hybrid,
  name: 'hybrid-image',
  title: 'stratafs as root (engine=hybrid, on a metadata image)',
  limitOf: imageLimitOf,
  mount(layers, options) {
    makeImageOf(layers, options)
    mountBy(here, layers, options, 'image')
  },
}

function makeImageOf({ lowers, upper }: Layers, options: MountOptions): void {
  const { data: _data, writeback: _writeback, index: _index, ...rest } = options
  const writable = upper !== null && rest.ro === undefined
  const words = optionWords({ ...(upper === null ? {} : { redirect_dir: 'on' }), ...rest })
  const all = upper === null || writable ? lowers : [upper, ...lowers]
  const made = makeAhead(
    all.map((path) => realpathSync(path)),
    words,
  )
  if (made instanceof Error) throw made
}

/** Runs a program as root of the actor's user namespace. */
function inside(actor: Probe, layers: Layers): Run {
  const enter = ['-t', String(actor.process.pid), '-U', '-m', '-S', '0', '-G', '0', '--wd=/']
  const home = ['env', 'HOME=/nonexistent', `STRATAFS_RUN_DIR=${join(dirname(layers.merged), 'run')}`]
  return (words) => must('nsenter', [...enter, '--', ...home, ...words])
}

export const hybridUser: Column = {
  ...hybrid,
  name: 'hybrid-user',
  title: 'stratafs as root of a user namespace (engine=hybrid)',
  capabilities: new Set<Capability>(['layers', 'docker-marks']),
  limitOf: userLimitOf,
  xattrPrefix: 'user.',
  uid: NOBODY,
  gid: NOBODY,
  available() {
    const missing = notInstalled('setpriv', 'unshare', 'nsenter')
    return missing || hybrid.available()
  },
  start(directory, program) {
    const node = join(directory, 'fuse')
    if (!existsSync(node)) {
      must('mknod', [node, 'c', '10', '229'])
      must('chmod', ['666', node])
    }
    const user = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups unshare -U -r -m --propagation private`
    const inner = `${withoutOthers}; mount --bind ${node} /dev/fuse && exec ${user} "$0"`.replaceAll("'", `'\\''`)
    return new Probe(directory, program, (path) => `exec unshare -m --propagation private sh -c '${inner}' ${path}`)
  },
  mount(layers, options, actor) {
    actor.pid()
    mountBy(inside(actor, layers), layers, options)
  },
  unmount(layers, actor) {
    inside(actor, layers)(['umount', layers.merged])
    awaitDaemonEnd(layers)
  },
}
