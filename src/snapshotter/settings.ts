/** What `stratafs snapshotter` is told, with its defaults. Paths are text. */
import type { MountsMode } from './mounts/forms.js'

export interface SnapshotterSettings {
  /** Where snapshots and their database lie. */
  readonly root: string
  /** The unix socket that is listened on. */
  readonly address: string
  /** containerd's socket, whose content store the differ reads and writes. */
  readonly containerd: string
  readonly mounts: MountsMode
  /** `HOST:PORT`, `PORT` or `unix:PATH`; null: no metrics. */
  readonly metrics: string | null
  readonly level: 'debug' | 'info' | 'warn' | 'error'
}
