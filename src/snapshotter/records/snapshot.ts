/** One snapshot as it is remembered, and as it is told. */
import type { InfoMessage, Labels, TimeMessage } from '../wire/messages.js'

export const Kind = { VIEW: 1, ACTIVE: 2, COMMITTED: 3 } as const
type Kind = (typeof Kind)[keyof typeof Kind]

/** Inodes, and bytes on disk. */
export interface Usage {
  readonly inodes: number
  readonly size: number
}

export interface Snapshot {
  /** Never given twice: it names the directory. */
  readonly id: number
  readonly key: string
  /** Id and key of the committed snapshot below; null: none. */
  readonly parent: { readonly id: number; readonly key: string } | null
  readonly kind: Kind
  /** Microseconds since 1970. */
  readonly created: number
  readonly updated: number
  readonly labels: Labels
  /** Of what was committed; null: to be found out. */
  readonly usage: Usage | null
}

export function infoOf({ key, parent, kind, created, updated, labels }: Snapshot): InfoMessage {
  return {
    name: key,
    parent: parent?.key ?? '',
    kind,
    createdAt: timeOf(created),
    updatedAt: timeOf(updated),
    labels,
  }
}

function timeOf(micros: number): TimeMessage {
  return { seconds: Math.floor(micros / 1e6), nanos: (micros % 1e6) * 1000 }
}

const KIND_NAMES: Readonly<Record<number, string>> = { 1: 'view', 2: 'active', 3: 'committed' }

/** A field by the path that a filter has. */
export function fieldOf({ key, parent, kind, labels }: Snapshot, path: readonly string[]): string | null {
  const [first, ...rest] = path
  if (first === 'kind') return KIND_NAMES[kind]!
  if (first === 'name') return key
  if (first === 'parent') return parent?.key ?? ''
  return first === 'labels' ? (labels[rest.join('.')] ?? null) : null
}
