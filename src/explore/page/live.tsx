/** A live mount as it works: the upper growing, what was copied up and written, requests by kind. */
import { useRef, useState } from 'preact/hooks'
import type { LiveNews, Overview } from '../views/types.js'
import { useLive } from './parts/live.js'
import { Section } from './parts/parts.js'
import { asValue, hrefOf } from './parts/route.js'
import { CHANGES, sizeText } from './parts/words.js'

const KEPT = 200
/** Of the line that shows the upper's size, and seconds from one to the next. */
const POINTS = 120
const SPACING = 0.5

interface Point {
  readonly at: number
  readonly bytes: number
}

type Told = LiveNews['changes'][number] & { readonly at: number; readonly id: number }

export function LiveView({ overview }: { readonly overview: Overview }) {
  const [news, setNews] = useState<LiveNews | null>(null)
  const [changes, setChanges] = useState<readonly Told[]>([])
  const [points, setPoints] = useState<readonly Point[]>([])
  const [isLost, setLost] = useState(false)
  const ids = useRef(0)
  useLive(overview.kind === 'mount', (told) => {
    setLost(told === null)
    if (told === null) return
    setNews(told)
    setPoints((before) => grown(before, told))
    const fresh = told.changes.map((change) => ({ ...change, at: told.at, id: ids.current++ }))
    if (fresh.length > 0) setChanges((before) => [...fresh.reverse(), ...before].slice(0, KEPT))
  })
  if (overview.kind !== 'mount') return <p>This is no live mount.</p>
  return (
    <div class="live">
      <p class="lead" role="status">
        {isLost && 'The explorer does not answer. '}
        {news?.fault}
        {news !== null &&
          `The upper holds ${news.upper.entries} entries, ${sizeText(news.upper.bytes)}; ${news.copyUps} copy-ups.`}
      </p>
      <Growth points={points} />
      <Section title="As it happens">
        <ul class="events" aria-label="Changes of the upper">
          {changes.map((change) => (
            <li key={change.id}>
              <time>{new Date(change.at * 1000).toISOString().slice(11, 19)}</time>
              <span class={`remark change-${change.change}`}>{CHANGES[change.change]}</span>
              <a href={hrefOf('tree', { file: asValue(change.path), path: asValue(parentOf(change.path)) })}>
                {change.path}
              </a>
              <span class="facts">
                {sizeText(change.bytes)}
                {change.grown !== change.bytes &&
                  change.grown !== 0 &&
                  ` (${change.grown > 0 ? '+' : ''}${sizeText(change.grown)})`}
              </span>
            </li>
          ))}
        </ul>
        {changes.length === 0 && <p class="quiet">Nothing has changed since you came.</p>}
      </Section>
      {news !== null && news.snapshots.length > 0 && (
        <Section title="Time line">
          <TimeLine snapshots={news.snapshots} />
        </Section>
      )}
      <Section title="Requests">
        <Requests requests={news?.requests ?? []} />
      </Section>
    </div>
  )
}

function grown(points: readonly Point[], { at, upper: { bytes } }: LiveNews): readonly Point[] {
  const before = points.at(-2)
  // News comes as it happens: the last point waits for its time.
  const kept = before !== undefined && at - before.at < SPACING ? points.slice(0, -1) : points
  return [...kept, { at, bytes }].slice(-POINTS)
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** The upper's size over the last minute. */
function Growth({ points }: { readonly points: readonly Point[] }) {
  const most = Math.max(1, ...points.map(({ bytes }) => bytes))
  const line = points.map(({ bytes }, at) => `${(at / (POINTS - 1)) * 300},${58 - (bytes / most) * 56}`).join(' ')
  return (
    <svg class="growth" viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="Size of the upper">
      <polyline points={line} />
    </svg>
  )
}

/** Snapshots, oldest first. What stands on another one than the last begins a branch, which is said. */
function TimeLine({ snapshots }: { readonly snapshots: LiveNews['snapshots'] }) {
  return (
    <ol class="events timeline" aria-label="Snapshots">
      {snapshots.map(({ name, message, created, parent, below }, at) => (
        <li key={name} class={below ? 'below' : ''}>
          <time>{created.slice(0, 19).replace('T', ' ')}</time>
          <b>{name}</b>
          {parent !== (snapshots[at - 1]?.name ?? null) && <span>{`on ${parent ?? 'the lower layers'}`}</span>}
          {message !== null && <span>{message}</span>}
          <span class="facts">{below ? 'the present stands on it' : ''}</span>
        </li>
      ))}
    </ol>
  )
}

function Requests({ requests }: { readonly requests: LiveNews['requests'] }) {
  if (requests.length === 0) return <p class="quiet">None yet.</p>
  return (
    <table class="requests">
      <thead>
        <tr>
          <th scope="col">Kind</th>
          <th scope="col">Now</th>
          <th scope="col">All</th>
        </tr>
      </thead>
      <tbody>
        {requests.map(({ kind, now, all }) => (
          <tr key={kind}>
            <th scope="row">{kind}</th>
            <td>{now}</td>
            <td>{all}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
