/**
 * A list that draws what is on the screen only. Browsers cannot lay out what is taller than some ten million pixels; a
 * longer list is squeezed into that, and the bar moves faster than the rows.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

const ROW = 28
const TALLEST = 8_000_000
/** Rows beyond the edges. */
const SPARE = 6

interface Properties {
  readonly count: number
  /** The row that is kept in sight. */
  readonly active: number
  readonly role: 'treegrid' | 'grid'
  readonly label: string
  readonly columns?: number
  readonly activeId?: string | undefined
  readonly header?: ComponentChildren
  readonly row: (at: number) => ComponentChildren
  readonly onKeyDown: (event: KeyboardEvent, page: number) => void
}

export function VirtualList({ count, active, role, label, columns, activeId, header, row, onKeyDown }: Properties) {
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  const whole = count * ROW
  const laid = Math.min(whole, TALLEST)
  const ratio = laid <= height ? 1 : Math.max(1, (whole - height) / (laid - height))
  useLayoutEffect(() => {
    const element = box.current!
    const observer = new ResizeObserver(() => setHeight(element.clientHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const head = header === undefined ? 0 : ROW
  useEffect(() => keepInSight(box.current!, active, ratio, head), [active, ratio, head])
  const first = Math.max(0, Math.floor((top * ratio) / ROW) - SPARE)
  const last = Math.min(count, first + Math.ceil(height / ROW) + 2 * SPARE)
  const shift = top - top * ratio
  const rows = []
  for (let at = first; at < last; at++)
    rows.push(
      <div key={at} role="presentation" class="slot" style={{ transform: `translateY(${at * ROW + shift}px)` }}>
        {row(at)}
      </div>,
    )
  return (
    <div
      ref={box}
      class="virtual"
      role={role}
      aria-label={label}
      aria-rowcount={count + (header === undefined ? 0 : 1)}
      aria-colcount={columns}
      aria-activedescendant={activeId}
      tabIndex={0}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={(event) => onKeyDown(event, Math.max(1, Math.floor(height / ROW) - 2))}
    >
      {header}
      <div role="rowgroup" class="rows" style={{ height: `${laid}px` }}>
        {rows}
      </div>
    </div>
  )
}

function keepInSight(box: HTMLElement, active: number, ratio: number, header: number): void {
  const at = active * ROW
  const top = box.scrollTop * ratio
  const height = box.clientHeight - header
  if (at < top) box.scrollTop = at / ratio
  else if (at + ROW > top + height) box.scrollTop = (at + ROW - height) / ratio + 1
}

/** Where a key leads in a list; null for another key. */
export function moved(key: string, at: number, count: number, page: number): number | null {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 }[
    key
  ]
  return to === undefined ? null : Math.max(0, Math.min(count - 1, to))
}
