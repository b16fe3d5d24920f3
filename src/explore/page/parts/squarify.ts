/**
 * Rectangles whose areas are sizes, as near to squares as can be (Bruls, Huizing, van Wijk: Squarified Treemaps). Pure.
 */
import type { MapNode } from '../../views/types.js'

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

type Placed = Box & { readonly item: MapNode }

/** A box for each item in `room`, largest first. */
export function squarified(given: readonly MapNode[], room: Box): Placed[] {
  const items = given.filter(({ size }) => size > 0).sort((a, b) => b.size - a.size)
  const whole = items.reduce((sum, { size }) => sum + size, 0)
  if (whole === 0 || room.width <= 0 || room.height <= 0) return []
  const scale = (room.width * room.height) / whole
  const placed: Placed[] = []
  let left = room
  for (let at = 0; at < items.length; ) {
    const side = Math.min(left.width, left.height)
    let count = 1
    while (
      at + count < items.length &&
      worst(items, at, count + 1, side, scale) <= worst(items, at, count, side, scale)
    )
      count++
    const row = items.slice(at, at + count)
    left = placeRow(row, left, scale, placed)
    at += count
  }
  return placed
}

/** The worst ratio of a row's sides. */
function worst(items: readonly MapNode[], at: number, count: number, side: number, scale: number): number {
  let sum = 0
  for (let i = at; i < at + count; i++) sum += items[i]!.size * scale
  const [most, least] = [items[at]!.size * scale, items[at + count - 1]!.size * scale]
  return Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * least))
}

function placeRow(row: readonly MapNode[], room: Box, scale: number, placed: Placed[]): Box {
  const area = row.reduce((sum, { size }) => sum + size * scale, 0)
  const isWide = room.width >= room.height
  const thick = area / Math.max(1e-9, isWide ? room.height : room.width)
  let along = isWide ? room.y : room.x
  for (const item of row) {
    const length = (item.size * scale) / Math.max(1e-9, thick)
    placed.push(
      isWide
        ? { item, x: room.x, y: along, width: thick, height: length }
        : { item, x: along, y: room.y, width: length, height: thick },
    )
    along += length
  }
  return isWide
    ? { ...room, x: room.x + thick, width: Math.max(0, room.width - thick) }
    : { ...room, y: room.y + thick, height: Math.max(0, room.height - thick) }
}
