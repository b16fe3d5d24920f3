/** What the host tells of itself, in Prometheus’ terms: it serves the mounts, and outlives the snapshotter. */
import { Gauge, type Registry } from 'prom-client'
import type { HostStatus } from '../../daemon/host/host-client.js'

type Value = (status: HostStatus) => number

const GAUGES: readonly (readonly [name: string, help: string, value: Value])[] = [
  ['mounts', 'Mounts of a host, with those that wait for their engine.', ({ mounts }) => mounts.length],
  ['engine_threads', 'Threads on which engines of mounts run.', ({ threads }) => threads.length],
  [
    'served_mounts',
    'Mounts that have an engine.',
    ({ threads }) => threads.reduce((sum, { mounts }) => sum + mounts, 0),
  ],
  [
    'silent_threads',
    'Threads that have not answered for two seconds.',
    ({ threads }) => threads.filter(isSilent).length,
  ],
  ['resident_bytes', 'Memory of a host.', ({ rss }) => rss],
]

const SILENT_MS = 2_000

function isSilent({ silentMs }: HostStatus['threads'][number]): boolean {
  return silentMs >= SILENT_MS
}

export class HostMetrics {
  readonly #gauges: readonly (readonly [gauge: Gauge, value: Value])[]

  constructor(
    registry: Registry,
    private readonly hosts: () => Promise<readonly HostStatus[]>,
  ) {
    const gauge = (name: string, help: string) =>
      new Gauge({ name: `stratafs_host_${name}`, help, labelNames: ['pid'], registers: [registry] })
    this.#gauges = GAUGES.map(([name, help, value]) => [gauge(name, help), value] as const)
  }

  /** Asks every host. */
  async ask(): Promise<void> {
    const hosts = await this.hosts()
    for (const [gauge, value] of this.#gauges) {
      gauge.reset()
      for (const host of hosts) gauge.set({ pid: host.pid }, value(host))
    }
  }
}
