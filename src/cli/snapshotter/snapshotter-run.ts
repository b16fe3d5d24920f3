/**
 * What `stratafs snapshotter` does. The snapshotter and its packages are loaded from a file of their own, so that no
 * other command carries them.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { shown } from '../../base/text.js'
import type { SnapshotterSettings } from '../../snapshotter/settings.js'
import type { serveSnapshots } from '../../snapshotter/snapshotter-main.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { absolutePath } from '../terminal/paths.js'
import { type ContainerdLine, configText, lineOf, unitText } from './config-text.js'

export interface SnapshotterArguments {
  /** Latin1, as all that follow; undefined: the default. */
  readonly root: string | undefined
  readonly address: string | undefined
  readonly containerd: string | undefined
  readonly mounts: string | undefined
  readonly metrics: string | undefined
  readonly level: string | undefined
  readonly line: string | undefined
  readonly printConfig: boolean
  readonly json: boolean
}

const ROOT = '/var/lib/stratafs/containerd'
const ADDRESS = '/run/stratafs-snapshotter/snapshotter.sock'
const CONTAINERD = '/run/containerd/containerd.sock'

/** Serves, or prints how it is set up; the exit code. */
export async function runSnapshotter(given: SnapshotterArguments): Promise<number> {
  const settings = settingsOf(given)
  if (given.printConfig) return printConfig(settings, given)
  if (given.json || given.line !== undefined) {
    printError('snapshotter: --json and --for belong to --print-config')
    return Exit.USAGE
  }
  const file = fileURLToPath(new URL('../../snapshotter/snapshotter-main.cjs', import.meta.url))
  const loaded = createRequire(import.meta.url)(file) as { serveSnapshots: typeof serveSnapshots }
  const { serveSnapshots: serve } = await loaded
  return serve(settings)
}

function settingsOf(given: SnapshotterArguments): SnapshotterSettings {
  const path = (named: string | undefined, usual: string) => (named === undefined ? usual : shown(absolutePath(named)))
  return {
    root: path(given.root, ROOT),
    address: path(given.address, ADDRESS),
    containerd: path(given.containerd, CONTAINERD),
    mounts: (given.mounts ?? 'bind') as SnapshotterSettings['mounts'],
    metrics: given.metrics === undefined ? null : shown(given.metrics),
    level: (given.level ?? 'info') as SnapshotterSettings['level'],
  }
}

function printConfig(settings: SnapshotterSettings, given: SnapshotterArguments): number {
  const line = (given.line as ContainerdLine | undefined) ?? installedLine()
  const config = configText(settings, line)
  const unit = unitText(settings, program(), wordsOf(settings))
  if (given.json) return printDocument('snapshotter', { schemaVersion: 1, containerd: line, config, unit })
  writeOut(`# /etc/containerd/config.toml, for containerd ${line}\n${config}\n`)
  writeOut(`# /etc/systemd/system/stratafs-snapshotter.service\n${unit}`)
  return Exit.DONE
}

/** Of the containerd in PATH; the newest that is known where there is none. */
function installedLine(): ContainerdLine {
  const { stdout } = spawnSync('containerd', ['--version'], { encoding: 'utf8', timeout: 10_000 })
  return lineOf(stdout ?? '') ?? '2'
}

/** Where an install has put the command, or how it was called. */
function program(): string {
  const { stdout } = spawnSync('sh', ['-c', 'command -v stratafs'], { encoding: 'utf8' })
  return stdout.startsWith('/') ? stdout.trim() : '/usr/bin/stratafs'
}

/** The words that ask for what differs from the defaults. */
function wordsOf({ root, address, containerd, mounts, metrics, level }: SnapshotterSettings): string[] {
  const given: readonly (readonly [option: string, value: string | null, usual: string | null])[] = [
    ['--root', root, ROOT],
    ['--address', address, ADDRESS],
    ['--containerd', containerd, CONTAINERD],
    ['--mounts', mounts, 'bind'],
    ['--metrics', metrics, null],
    ['--log-level', level, 'info'],
  ]
  return given.flatMap(([option, value, usual]) => (value === null || value === usual ? [] : [option, value]))
}
