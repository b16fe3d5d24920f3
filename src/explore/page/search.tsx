/** Entries by name, owner, time, layer, size, bits and attributes. */
import { useEffect, useReducer, useState } from 'preact/hooks'
import type { Found, Overview } from '../views/types.js'
import { usePages } from './parts/pages.js'
import { LayerChip } from './parts/parts.js'
import { asText, asValue, go, hrefOf, type Route, routeText } from './parts/route.js'
import { moved, VirtualList } from './parts/virtual.js'
import { modeLetters, sizeText, timeText } from './parts/words.js'

const FIELDS = [
  ['name', 'Name, with * and ?', 'search'],
  ['uid', 'User id', 'number'],
  ['gid', 'Group id', 'number'],
  ['after', 'Modified after', 'date'],
  ['before', 'Modified before', 'date'],
  ['larger', 'At least, in bytes', 'number'],
] as const

const FLAGS = [
  ['setuid', 'setuid or setgid'],
  ['writable', 'writable by all'],
  ['xattrs', 'with extended attributes'],
  ['ghosts', 'hidden ones, too'],
] as const

export function SearchView({ route, overview }: { readonly route: Route; readonly overview: Overview }) {
  const { words } = route
  const set = (key: string, value: string) => go('search', { ...words, [key]: asValue(value) }, true)
  return (
    <div class="search">
      <form class="toolbar" onSubmit={(event) => event.preventDefault()}>
        {FIELDS.map(([key, label, type]) => (
          <label key={key}>
            {label}
            <input
              type={type as 'search'}
              value={asText(words[key])}
              onInput={(event) => set(key, event.currentTarget.value)}
            />
          </label>
        ))}
        <label>
          In layer
          <select value={words.in ?? ''} onChange={(event) => set('in', event.currentTarget.value)}>
            <option value="">any</option>
            {overview.layers.map(({ layer, label }) => (
              <option key={layer} value={String(layer)}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {FLAGS.map(([key, label]) => (
          <label key={key}>
            <input
              type="checkbox"
              checked={words[key] === '1'}
              onChange={() => set(key, words[key] === '1' ? '' : '1')}
            />
            {label}
          </label>
        ))}
      </form>
      <Results question={routeText(route)} overview={overview} />
    </div>
  )
}

function Results({ question, overview }: { readonly question: string; readonly overview: Overview }) {
  const [, redraw] = useReducer((turn: number) => turn + 1, 0)
  const asked = useSettled(question)
  const pages = usePages<Found>(asked.includes('?') ? asked : `${asked}?`, overview.version, () => redraw(null))
  const [active, setActive] = useState(0)
  useEffect(() => pages.load(0), [pages])
  const at = Math.min(active, Math.max(0, pages.total - 1))
  const href = (row: Found) => hrefOf('tree', { file: asValue(row.path), path: asValue(parentOf(row.path)) })
  return (
    <>
      <p role="status">{asked.includes('?') ? `${pages.total} found` : 'Say what to look for.'}</p>
      {pages.error !== null && <p role="alert">{pages.error}</p>}
      <VirtualList
        count={pages.total}
        active={at}
        role="grid"
        label="Found"
        columns={4}
        activeId={pages.total === 0 ? undefined : `found-${at}`}
        row={(index) => (
          <FoundRow
            row={pages.rowAt(index)}
            at={index}
            active={index === at}
            overview={overview}
            href={href}
            choose={setActive}
          />
        )}
        onKeyDown={(event, page) => {
          const to = moved(event.key, at, pages.total, page)
          const row = pages.total === 0 ? null : pages.rowAt(at)
          if (to !== null) setActive(to)
          else if (event.key === 'Enter' && row !== null) location.hash = href(row)
          else return
          event.preventDefault()
        }}
      />
    </>
  )
}

/** `text` once it has stayed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 150)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

interface RowProperties {
  readonly row: Found | null
  readonly at: number
  readonly active: boolean
  readonly overview: Overview
  readonly href: (row: Found) => string
  readonly choose: (at: number) => void
}

function FoundRow({ row, at, active, overview, href, choose }: RowProperties) {
  const classes = ['row found-row', active ? 'active' : '', row?.ghost ? 'ghost' : '']
  return (
    <div
      id={`found-${at}`}
      role="row"
      class={classes.join(' ')}
      aria-rowindex={at + 1}
      aria-selected={active}
      onClick={() => choose(at)}
    >
      <span role="gridcell" class="cell c0">
        {row === null ? (
          '…'
        ) : (
          <a href={href(row)} tabIndex={-1}>
            {row.path}
          </a>
        )}
      </span>
      <span role="gridcell" class="cell c1">
        {row !== null && <LayerChip layer={overview.layers[row.layer]!} />}
      </span>
      <span role="gridcell" class="cell c2">
        {row === null ? '' : sizeText(row.size)}
      </span>
      <span role="gridcell" class="cell c4">
        {row === null ? '' : `${modeLetters(row.kind, row.mode)} ${row.uid}:${row.gid} ${timeText(row.mtime)}`}
      </span>
    </div>
  )
}
