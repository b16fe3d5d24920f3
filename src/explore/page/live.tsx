/** A live mount as it works: the upper growing, what was copied up and written, requests by kind. */
import { useEffect, useState } from 'preact/hooks'
import type { LiveNews, Overview } from '../views/types.js'
import { Section } from './parts/parts.js'
import { asValue, hrefOf } from './parts/route.js'
import { CHANGES, sizeText } from './parts/words.js'

const KEPT = 200
const POINTS = 120

type Told = LiveNews['changes'][number] & { readonly at: number; readonly id: number }

export function LiveView({ overview }: { readonly overview: Overview }) {
  const [news, setNews] = useState<LiveNews | null>(null)
  const [changes, setChanges] = useState<readonly Told[]>([])
  const [points, setPoints] = useState<readonly number[]>([])
  const [isLost, setLost] = useState(false)
  useEffect(() => {
    const source = new EventSource('/api/live')
    let id = 0
    source.onmessage = ({ data }) => {
      const told = JSON.parse(data as string) as LiveNews
      setLost(false)
      setNews(told)
      setPoints((before) => [...before, told.upper.bytes].slice(-POINTS))
      const fresh = told.changes.map((change) => ({ ...change, at: told.at, id: id++ }))
      if (fresh.length > 0) setChanges((before) => [...fresh.reverse(), ...before].slice(0, KEPT))
    }
    source.onerror = () => setLost(true)
    return () => source.close()
  }, [])
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
      <Section title="Requests">
        <Requests requests={news?.requests ?? []} />
      </Section>
    </div>
  )
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** The upper's size over the last minute. */
function Growth({ points }: { readonly points: readonly number[] }) {
  const most = Math.max(1, ...points)
  const line = points.map((bytes, at) => `${(at / (POINTS - 1)) * 300},${58 - (bytes / most) * 56}`).join(' ')
  return (
    <svg class="growth" viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="Size of the upper">
      <polyline points={line} />
    </svg>
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
