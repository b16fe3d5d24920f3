/** Contents: two versions side by side, as lines where they are text, as bytes where they are not. */
import { diffArrays } from 'diff'
import { useEffect, useState } from 'preact/hooks'
import type { Version } from '../views/types.js'
import { askBytes, type Bytes } from './parts/api.js'
import { Waiting } from './parts/parts.js'
import { sizeText } from './parts/words.js'

/** Files up to this size are compared line by line; of larger ones their beginnings. */
const MOST = 512 * 1024
/** Of bytes that are no text. */
const MOST_HEX = 16 * 1024
/** Lines that stay around what differs. */
const AROUND = 3
const HEX_ROW = 16

/** A line on both sides; null where a side has none. `cut`: so many equal lines are left out. */
type Pair =
  | { readonly left: string | null; readonly right: string | null; readonly same: boolean; readonly at: number }
  | { readonly cut: number; readonly at: number }

function useBytes(path: string, layer: number, limit: number) {
  const [found, setFound] = useState<{ bytes: Bytes | null; error: string | null }>({ bytes: null, error: null })
  useEffect(() => {
    let isWanted = true
    setFound({ bytes: null, error: null })
    askBytes(path, layer, limit).then(
      (bytes) => isWanted && setFound({ bytes, error: null }),
      (error: Error) => isWanted && setFound({ bytes: null, error: error.message }),
    )
    return () => {
      isWanted = false
    }
  }, [path, layer, limit])
  return found
}

/** Null where the bytes are no text. */
function asText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null
  try {
    // The last letter may be cut in two.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return null
  }
}

interface CompareProperties {
  readonly path: string
  readonly older: Version
  readonly newer: Version
}

export function Compare({ path, older, newer }: CompareProperties) {
  const a = useBytes(path, older.layer, MOST)
  const b = useBytes(path, newer.layer, MOST)
  if (a.bytes === null || b.bytes === null) return <Waiting error={a.error ?? b.error} />
  const [left, right] = [asText(a.bytes.bytes), asText(b.bytes.bytes)]
  const isWhole = a.bytes.size <= MOST && b.bytes.size <= MOST
  const same = isWhole && isSame(a.bytes.bytes, b.bytes.bytes)
  return (
    <section class="compare" aria-label={`${older.label} beside ${newer.label}`}>
      <p class="quiet">
        {sizeText(a.bytes.size)} and {sizeText(b.bytes.size)}
        {same && ': the same content'}
        {!isWhole && `: their first ${sizeText(MOST)}`}
      </p>
      {!same && left !== null && right !== null && (
        <TextDiff left={left} right={right} names={[older.label, newer.label]} />
      )}
      {!same && (left === null || right === null) && <HexDiff left={a.bytes.bytes} right={b.bytes.bytes} />}
    </section>
  )
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

/** Lines of both, side by side; runs that are equal cut to what is around a difference. */
function pairsOf(left: string, right: string): Pair[] {
  const parts = diffArrays(left.split('\n'), right.split('\n'), { timeout: 2_000 })
  if (parts === undefined) return [...onSide(left.split('\n'), 'left', 0), ...onSide(right.split('\n'), 'right', 0)]
  const pairs: Pair[] = []
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at]!
    const next = parts[at + 1]
    if (!part.added && !part.removed) pairs.push(...equal(part.value, at === 0, at === parts.length - 1, pairs.length))
    else if (part.removed && next?.added) {
      pairs.push(...beside(part.value, next.value, pairs.length))
      at++
    } else pairs.push(...onSide(part.value, part.removed ? 'left' : 'right', pairs.length))
  }
  return pairs
}

function equal(lines: readonly string[], isFirst: boolean, isLast: boolean, at: number): Pair[] {
  const pair = (line: string, index: number): Pair => ({ left: line, right: line, same: true, at: at + index })
  const before = isFirst ? 0 : AROUND
  const after = isLast ? 0 : AROUND
  const cut = lines.length - before - after
  if (cut <= 1) return lines.map(pair)
  const tail = after === 0 ? [] : lines.slice(-after).map((line, index) => pair(line, before + 1 + index))
  return [...lines.slice(0, before).map(pair), { cut, at: at + before }, ...tail]
}

function beside(left: readonly string[], right: readonly string[], at: number): Pair[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, index) => ({
    left: left[index] ?? null,
    right: right[index] ?? null,
    same: false,
    at: at + index,
  }))
}

function onSide(lines: readonly string[], side: 'left' | 'right', at: number): Pair[] {
  return lines.map((line, index) => ({ left: null, right: null, [side]: line, same: false, at: at + index }))
}

/** Pairs that are drawn. */
const MOST_PAIRS = 2_000

interface TextProperties {
  readonly left: string
  readonly right: string
  readonly names: readonly [string, string]
}

function TextDiff({ left, right, names }: TextProperties) {
  const pairs = pairsOf(left, right)
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Lines that differ">
      <table class="diff">
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {pairs.slice(0, MOST_PAIRS).map((pair) => (
            <PairRow key={pair.at} pair={pair} />
          ))}
        </tbody>
      </table>
      {pairs.length > MOST_PAIRS && <p class="quiet">… and {pairs.length - MOST_PAIRS} lines more</p>}
    </div>
  )
}

function PairRow({ pair }: { readonly pair: Pair }) {
  if ('cut' in pair)
    return (
      <tr class="cut">
        <td colSpan={2}>{pair.cut} equal lines</td>
      </tr>
    )
  const { left, right, same } = pair
  return (
    <tr>
      <td class={same || left === null ? '' : 'removed'}>{same || left === null ? left : <del>{left || ' '}</del>}</td>
      <td class={same || right === null ? '' : 'added'}>
        {same || right === null ? right : <ins>{right || ' '}</ins>}
      </td>
    </tr>
  )
}

/** Bytes of both in rows; equal rows are left out. */
function HexDiff({ left, right }: { readonly left: Uint8Array; readonly right: Uint8Array }) {
  const length = Math.max(left.length, right.length)
  const rows = []
  for (let at = 0; at < length && rows.length < MOST_HEX / HEX_ROW; at += HEX_ROW) {
    const [a, b] = [left.subarray(at, at + HEX_ROW), right.subarray(at, at + HEX_ROW)]
    if (isSame(a, b)) continue
    rows.push(
      <tr key={at}>
        <th scope="row">{at.toString(16).padStart(8, '0')}</th>
        <td class="removed">{hexText(a, b)}</td>
        <td class="added">{hexText(b, a)}</td>
      </tr>,
    )
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Bytes that differ">
      <table class="hex">
        <tbody>{rows}</tbody>
      </table>
      {rows.length === 0 && <p class="quiet">Equal so far.</p>}
    </div>
  )
}

function hexText(own: Uint8Array, other: Uint8Array | null) {
  return Array.from(own, (byte, at) => {
    const text = byte.toString(16).padStart(2, '0')
    return other === null || other[at] === byte ? `${text} ` : <b key={at}>{text} </b>
  })
}

/** One version's beginning. */
export function Content({ path, version }: { readonly path: string; readonly version: Version }) {
  const { bytes, error } = useBytes(path, version.layer, MOST)
  if (bytes === null) return <Waiting error={error} />
  const text = asText(bytes.bytes)
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Content">
      {text !== null ? <pre>{text}</pre> : <Hex bytes={bytes.bytes} />}
      {bytes.size > bytes.bytes.length && <p class="quiet">… of {sizeText(bytes.size)}</p>}
    </div>
  )
}

function Hex({ bytes }: { readonly bytes: Uint8Array }) {
  const rows = []
  for (let at = 0; at < Math.min(bytes.length, MOST_HEX / 4); at += HEX_ROW) {
    const own = bytes.subarray(at, at + HEX_ROW)
    const text = Array.from(own, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    rows.push(
      <tr key={at}>
        <th scope="row">{at.toString(16).padStart(8, '0')}</th>
        <td>{hexText(own, null)}</td>
        <td>{text}</td>
      </tr>,
    )
  }
  return (
    <table class="hex">
      <tbody>{rows}</tbody>
    </table>
  )
}
