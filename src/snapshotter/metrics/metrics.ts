/**
 * The snapshotter's counters in Prometheus' terms, and those of its mounts: each is asked when somebody asks here.
 */
import { status } from '@grpc/grpc-js'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { askDaemon } from '../../daemon/control/control-client.js'
import { Kind } from '../records/snapshot.js'
import type { Snapshotter } from '../service/snapshotter.js'
import type { Observe } from '../wire/handlers.js'
import { HostMetrics } from './host-metrics.js'

/** Seconds; the last are for unpacking. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]

/** A mount's counters that are told, with the name they have here. */
const MOUNT_COUNTERS = {
  requests: ['requests_total', 'Requests that a mount has answered.'],
  faults: ['faults_total', 'Requests that met a fault of stratafs and got EIO.'],
  malformed: ['malformed_total', 'Requests that could not be read.'],
  failedReplies: ['failed_replies_total', 'Answers that the kernel did not take.'],
  copyUps: ['copy_ups_total', 'Files of lower layers that were copied up.'],
  copyUpBytes: ['copy_up_bytes_total', 'Bytes that copy-ups have copied.'],
  bytesRead: ['bytes_read_total', 'Bytes read through the mount, without those that the kernel read by itself.'],
  bytesWritten: [
    'bytes_written_total',
    'Bytes written through the mount, without those that the kernel wrote by itself.',
  ],
} as const

/** Of mounts that keep count, which those with a size do (containerd.io/snapshot/max-size). */
const USAGE = {
  usedBytes: ['usage_bytes', 'Bytes on disk of the writable layer of a mount with a size.'],
  usedInodes: ['usage_inodes', 'Inodes of the writable layer of a mount with a size.'],
  size: ['size_bytes', 'Bytes that the writable layer may have.'],
} as const

type MountCounter = keyof typeof MOUNT_COUNTERS

/** Mounts that are asked at a time. */
const AT_ONCE = 32

export class Metrics {
  readonly #registry = new Registry()
  readonly #calls: Histogram
  readonly #errors: Counter
  readonly #mountCounters: Readonly<Record<MountCounter, Counter>>
  readonly #usage: Readonly<Record<keyof typeof USAGE, Gauge>>
  readonly #hosts: HostMetrics

  constructor(private readonly snapshotter: Snapshotter) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#calls = new Histogram({
      name: 'stratafs_snapshotter_call_seconds',
      help: 'Calls of containerd by method and gRPC code.',
      labelNames: ['method', 'code'],
      buckets: BUCKETS,
      registers,
    })
    this.#errors = new Counter({
      name: 'stratafs_snapshotter_errors_total',
      help: 'Calls that were refused or failed, by method and gRPC code.',
      labelNames: ['method', 'code'],
      registers,
    })
    const counter = ([name, help]: readonly [string, string]) =>
      new Counter({ name: `stratafs_mount_${name}`, help, labelNames: ['snapshot'], registers })
    this.#mountCounters = Object.fromEntries(
      Object.entries(MOUNT_COUNTERS).map(([name, words]) => [name, counter(words)]),
    ) as unknown as Record<MountCounter, Counter>
    const gauge = ([name, help]: readonly [string, string]) =>
      new Gauge({ name: `stratafs_mount_${name}`, help, labelNames: ['snapshot'], registers })
    this.#usage = Object.fromEntries(
      Object.entries(USAGE).map(([name, words]) => [name, gauge(words)]),
    ) as unknown as Record<keyof typeof USAGE, Gauge>
    this.#hosts = new HostMetrics(this.#registry, () => this.snapshotter.parts.unions.hosts())
    this.#addGauges()
  }

  readonly observe: Observe = (method, seconds, code) => {
    const word = status[code] ?? String(code)
    this.#calls.observe({ method, code: word }, seconds)
    if (code !== status.OK) this.#errors.inc({ method, code: word })
  }

  #addGauges(): void {
    const registers = [this.#registry]
    const { records, unions, trash } = this.snapshotter.parts
    const gauge = (name: string, help: string, value: () => number) => {
      const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(value()) })
    }
    gauge('stratafs_snapshotter_mounts', 'Mounts of snapshots.', () => unions.count)
    gauge('stratafs_snapshotter_removals', 'Removed snapshots that are still on disk.', () => trash.waiting)
    const snapshots: Gauge = new Gauge({
      name: 'stratafs_snapshotter_snapshots',
      help: 'Snapshots by kind.',
      labelNames: ['kind'],
      registers,
      collect: () => {
        const all = records.all()
        for (const [word, kind] of Object.entries(Kind))
          snapshots.set({ kind: word.toLowerCase() }, all.filter((one) => one.kind === kind).length)
      },
    })
    const committed = (of: 'size' | 'inodes') => () =>
      records.all().reduce((sum, one) => sum + (one.usage?.[of] ?? 0), 0)
    gauge('stratafs_snapshotter_committed_bytes', 'Bytes on disk of all committed snapshots.', committed('size'))
    gauge('stratafs_snapshotter_committed_inodes', 'Inodes of all committed snapshots.', committed('inodes'))
  }

  /** Everything, as text. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    await Promise.all([this.#askMounts(), this.#hosts.ask()])
    return { type: this.#registry.contentType, body: await this.#registry.metrics() }
  }

  /** A mount that does not answer has no counters this time. */
  async #askMounts(): Promise<void> {
    for (const each of [...Object.values(this.#mountCounters), ...Object.values(this.#usage)]) each.reset()
    const sockets = this.snapshotter.parts.unions.sockets()
    for (let at = 0; at < sockets.length; at += AT_ONCE)
      await Promise.all(sockets.slice(at, at + AT_ONCE).map((one) => this.#askMount(one)))
  }

  async #askMount([id, socket]: readonly [id: number, socket: string]): Promise<void> {
    const reply = await askDaemon(socket, { command: 'stats' })
    const snapshot = this.snapshotter.parts.records.withId(id)?.key
    if (!reply.ok || snapshot === undefined) return
    const { data, ...counters } = reply.result as Record<string, number> & { data?: Record<string, number> }
    for (const [name, counter] of Object.entries(this.#mountCounters)) {
      const value = counters[name] ?? data?.[name]
      if (typeof value === 'number') counter.inc({ snapshot }, value)
    }
    const report = await askDaemon(socket, { command: 'limit', change: {} })
    const counted = report.ok ? (report.result as Partial<Record<keyof typeof USAGE, number | null>>) : {}
    for (const [name, gauge] of Object.entries(this.#usage)) {
      const value = counted[name as keyof typeof USAGE]
      if (typeof value === 'number') gauge.set({ snapshot }, value)
    }
  }
}
