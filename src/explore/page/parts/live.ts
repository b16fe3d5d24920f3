/** What a live mount tells, once for the whole page: the views that want it listen here. */
import { useEffect, useRef } from 'preact/hooks'
import type { LiveNews } from '../../views/types.js'

/** Null: the explorer does not answer. */
type Listener = (news: LiveNews | null) => void

const listeners = new Set<Listener>()
let source: EventSource | null = null
let last: LiveNews | null = null

function open(): EventSource {
  const opened = new EventSource('/api/live')
  opened.onmessage = ({ data }) => {
    last = JSON.parse(data as string) as LiveNews
    for (const listener of listeners) listener(last)
  }
  opened.onerror = () => {
    for (const listener of listeners) listener(null)
  }
  return opened
}

/** Calls `listener` with all news while `isWanted`, and with the last one at once. */
export function useLive(isWanted: boolean, listener: Listener): void {
  const current = useRef(listener)
  current.current = listener
  useEffect(() => {
    if (!isWanted) return
    const tell: Listener = (news) => current.current(news)
    listeners.add(tell)
    source ??= open()
    if (last !== null) tell({ ...last, changes: [], more: 0 })
    return () => {
      listeners.delete(tell)
      if (listeners.size > 0) return
      source?.close()
      source = null
    }
  }, [isWanted])
}
