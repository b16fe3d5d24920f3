/**
 * What has to be written where for containerd to use the snapshotter: lines of its config.toml, and a systemd unit.
 * What a version of containerd does not know is left out: 1.6 ends at its start over a plugin of type `diff`. Pure.
 */
import type { SnapshotterSettings } from '../../snapshotter/settings.js'

export type ContainerdLine = '1.6' | '1.7' | '2'

/** For /etc/containerd/config.toml. */
export function configText({ root, address }: SnapshotterSettings, line: ContainerdLine): string {
  return [
    ...(line === '2' ? ['version = 3'] : ['version = 2']),
    '',
    '[proxy_plugins.stratafs]',
    '  type = "snapshot"',
    `  address = ${quoted(address)}`,
    ...(line === '2' ? ['  capabilities = ["remap-ids", "rebase"]'] : []),
    ...(line === '1.7' ? ['  capabilities = ["remap-ids"]'] : []),
    ...(line === '1.6' ? [] : exportsOf(root)),
    ...(line === '1.6' ? [] : differ(address, line)),
    '',
    ...images(line),
    '',
  ].join('\n')
}

function exportsOf(root: string): string[] {
  return [
    '  [proxy_plugins.stratafs.exports]',
    `    root = ${quoted(root)}`,
    '    enable_remote_snapshot_annotations = "true"',
  ]
}

function differ(address: string, line: ContainerdLine): string[] {
  return [
    '',
    '[proxy_plugins.stratafs-diff]',
    '  type = "diff"',
    `  address = ${quoted(address)}`,
    '',
    '[plugins."io.containerd.service.v1.diff-service"]',
    '  default = ["stratafs-diff", "walking"]',
    // The differ by which 2.x unpacks what it pulls by itself (its transfer service).
    ...(line === '2'
      ? [
          '',
          '[[plugins."io.containerd.transfer.v1.local".unpack_config]]',
          '  platform = "linux"',
          '  snapshotter = "stratafs"',
          '  differ = "stratafs-diff"',
        ]
      : []),
  ]
}

/** What Kubernetes pulls and runs. */
function images(line: ContainerdLine): string[] {
  const table = line === '2' ? '"io.containerd.cri.v1.images"' : '"io.containerd.grpc.v1.cri".containerd'
  return [`[plugins.${table}]`, '  snapshotter = "stratafs"', '  disable_snapshot_annotations = false']
}

/** As TOML and JSON write a string alike. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** For /etc/systemd/system/stratafs-snapshotter.service. `program`: absolute; `words`: those that were given. */
export function unitText(settings: SnapshotterSettings, program: string, words: readonly string[]): string {
  return [
    '[Unit]',
    'Description=stratafs, snapshotter of containerd',
    'Before=containerd.service',
    `RequiresMountsFor=${escaped(settings.root)}`,
    '',
    '[Service]',
    'Type=notify',
    `ExecStart=${[program, 'snapshotter', ...words].map(escaped).join(' ')}`,
    '# The mounts are served by a process that lives on.',
    'KillMode=process',
    'Restart=always',
    'RestartSec=1',
    'OOMScoreAdjust=-999',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

function escaped(word: string): string {
  const plain = word.replace(/%/g, '%%').replace(/\$/g, '$$$$')
  return /[\s"'\\;]/.test(plain) ? `"${plain.replace(/["\\]/g, '\\$&')}"` : plain
}

/** The line that `containerd --version` tells of; null where it is none that is known. */
export function lineOf(version: string): ContainerdLine | null {
  const [, major = '', minor = ''] = /(?:^|[\sv])(\d+)\.(\d+)/.exec(version.replace(/^containerd \S+ /, '')) ?? []
  if (Number(major) >= 2) return '2'
  if (major !== '1') return null
  return Number(minor) >= 7 ? '1.7' : '1.6'
}
