/**
 * The columns of engine=hybrid: as root, and as root of a user namespace. They are run by hand (`npm run test:hybrid`)
 * and have a page of their own.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { notInstalled } from '../tools/installed.js'
import {
  awaitDaemonEnd,
  type Capability,
  type Column,
  type Layers,
  type MountOptions,
  must,
  NOBODY,
  ourWords,
  ownProcessUnmount,
  root,
  withoutOthers,
} from './columns.js'
import { carriesOverlay } from './ground.js'
import { hybridLimitOf, hybridObstacle, userLimitOf } from './hybrid-limits.js'
import { Probe } from './probe.js'

type Run = (words: readonly string[]) => string

/** Mounts; another engine that stands in would hide faults, so it is refused. */
function mountBy(run: Run, layers: Layers, options: MountOptions): void {
  const { data: _data, writeback: _writeback, ...rest } = options
  const [program = '', command = '', ...words] = ourWords(layers, rest)
  run([process.execPath, program, command, '-o', 'engine=hybrid', ...words])
  const told = JSON.parse(run([process.execPath, program, 'inspect', '--json', layers.merged]))
  const { Engine, Downgrades } = Array.isArray(told) ? told[0] : told
  if (Engine?.engine !== 'hybrid') throw new Error(`not served by the hybrid engine: ${Downgrades.join('; ')}`)
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
