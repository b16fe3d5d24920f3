/** Labels of snapshots: what may be one, and those that ask for something. */
import { byteCount, Expectation } from '../../daemon/options/values.js'
import type { IdRange } from '../../layers/id-mapping.js'
import type { Labels } from '../wire/messages.js'
import { invalid } from '../wire/refusal.js'

/** Bytes of a name and its value together. */
const LONGEST = 4096

const UID_MAPPING = 'containerd.io/snapshot/uidmapping'
const GID_MAPPING = 'containerd.io/snapshot/gidmapping'
const MAX_SIZE = 'containerd.io/snapshot/max-size'

/** The labels, once they were found to be such. Throws Refusal. */
export function checkedLabels(labels: Labels): Labels {
  for (const [name, value] of Object.entries(labels)) {
    if (Buffer.byteLength(name) + Buffer.byteLength(value) <= LONGEST) continue
    throw invalid(`label ${name.slice(0, 64)}: name and value have more than ${LONGEST} bytes together`)
  }
  mappingsOf(labels)
  maxSizeOf(labels)
  // As containerd's own: a label without a value is none.
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''))
}

/** Owners on disk to owners shown, as mount options; none where the labels do not ask. Throws Refusal. */
export function mappingsOf(labels: Labels): string[] {
  return [
    ...mappingOf('uidmapping', UID_MAPPING, labels[UID_MAPPING]),
    ...mappingOf('gidmapping', GID_MAPPING, labels[GID_MAPPING]),
  ]
}

/** The most bytes that a snapshot may take up; 0: no limit. Throws Refusal. */
export function maxSizeOf(labels: Labels): number {
  const size = byteCount(labels[MAX_SIZE] || '0')
  if (size instanceof Expectation) throw invalid(`label ${MAX_SIZE}: ${labels[MAX_SIZE]} ${size.words}`)
  return size
}

/** What the labels ask of the mount of a snapshot, as mount options. Throws Refusal. */
export function mountOptionsOf(labels: Labels, readOnly: boolean): string[] {
  const size = readOnly ? 0 : maxSizeOf(labels)
  return [...mappingsOf(labels), ...(size > 0 ? [`size=${size}`] : [])]
}

/** `CONTAINER:HOST:COUNT,…`: on disk are the container's ids, programs outside see the host's. */
function mappingOf(option: string, label: string, value: string | undefined): string[] {
  if (value === undefined || value === '') return []
  const ranges = value.split(',').map((text) => rangeOf(label, text))
  return [`${option}=${ranges.map(({ to, host, length }) => `${host}:${to}:${length}`).join(':')}`]
}

function rangeOf(label: string, text: string): IdRange {
  const [host = -1, to = -1, length = -1, ...rest] = text
    .split(':')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : -1))
  if (rest.length > 0 || host < 0 || to < 0 || length <= 0 || Math.max(host, to) + length > 2 ** 32)
    throw invalid(`label ${label}: ${text} is no mapping: it is CONTAINER:HOST:COUNT, further ones after a comma`)
  return { host, to, length }
}
