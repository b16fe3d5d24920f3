/** The page: the stack at its side, one view beside it, and how far reading is. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Overview } from '../views/types.js'
import { ImageView } from './image.js'
import { Links } from './links.js'
import { LiveView } from './live.js'
import { MapView } from './map.js'
import { ask } from './parts/api.js'
import { useLive } from './parts/live.js'
import { hrefOf, type Route, useRoute } from './parts/route.js'
import { sizeText } from './parts/words.js'
import { SearchView } from './search.js'
import { Stack } from './stack.js'
import { TreeView } from './tree.js'
import { WasteView } from './waste.js'

/** How often the overview is asked for: while layers are read, and of a live mount. */
const SOON_MS = 300
const LIVE_MS = 1_500

const TABS = [
  ['tree', 'Files'],
  ['map', 'Map'],
  ['waste', 'Waste'],
  ['search', 'Search'],
  ['image', 'Image'],
  ['live', 'Live'],
] as const

export function App() {
  const route = useRoute()
  const { overview, error } = useOverview()
  useEffect(() => {
    if (overview !== null) document.title = `${overview.title} – stratafs`
  }, [overview?.title])
  if (overview === null) return <main>{error === null ? <p>…</p> : <p role="alert">{error}</p>}</main>
  return (
    <div class="page">
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <Head route={route} overview={overview} error={error} />
      <nav class="side" aria-label="Layers">
        <details open>
          <summary>Layers ({overview.layers.length})</summary>
          <Stack route={route} overview={overview} />
        </details>
      </nav>
      <main id="main" tabIndex={-1}>
        <View route={route} overview={overview} />
      </main>
      <Links route={route} overview={overview} />
    </div>
  )
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function useOverview(): { overview: Overview | null; error: string | null } {
  const [overview, setOverview] = useState<Overview | null>(null)
  const [error, setError] = useState<string | null>(null)
  const asking = useRef(() => {})
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    const next = async () => {
      clearTimeout(timer)
      let after = LIVE_MS
      try {
        const found = await ask<Overview>('overview')
        if (isOver) return
        setOverview((before) => (before !== null && sameOverview(before, found) ? before : found))
        setError(null)
        if (!found.complete) after = SOON_MS
      } catch {
        setError('The explorer has ended: start it again to go on.')
      }
      clearTimeout(timer)
      timer = setTimeout(() => void next(), after)
    }
    asking.current = () => void next()
    void next()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [])
  // A mount is followed in every view, and says when there is something new.
  useLive(overview?.kind === 'mount', (news) => {
    if (news !== null && news.version !== overview?.version) asking.current()
  })
  return { overview, error }
}

function sameOverview(a: Overview, b: Overview): boolean {
  return a.complete && b.complete && a.version === b.version
}

interface HeadProperties {
  readonly route: Route
  readonly overview: Overview
  readonly error: string | null
}

function Head({ route, overview, error }: HeadProperties) {
  const { kind, bytes, wasted, complete, layers } = overview
  const tabs = TABS.filter(
    ([view]) => (view !== 'image' || overview.image !== null) && (view !== 'live' || kind === 'mount'),
  )
  const done = layers.filter(({ state }) => state === 'done' || state === 'failed').length
  return (
    <header>
      <h1>{overview.title}</h1>
      <p class="facts" role="status">
        {error ??
          (complete
            ? `${sizeText(bytes)} in ${layers.length} layers, ${sizeText(wasted ?? 0)} wasted`
            : `reading: ${done} of ${layers.length} layers`)}
      </p>
      <nav class="tabs" aria-label="Views">
        {tabs.map(([view, name]) => (
          <a key={view} href={hrefOf(view)} aria-current={route.view === view ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
    </header>
  )
}

function View({ route, overview }: { readonly route: Route; readonly overview: Overview }) {
  switch (route.view) {
    case 'map':
      return <MapView route={route} overview={overview} />
    case 'waste':
      return <WasteView overview={overview} />
    case 'search':
      return <SearchView route={route} overview={overview} />
    case 'image':
      return <ImageView overview={overview} />
    case 'live':
      return <LiveView overview={overview} />
    default:
      return <TreeView route={route} overview={overview} />
  }
}
