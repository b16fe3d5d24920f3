/** The same elsewhere: this view's link, the command that prints it as JSON, and a question in SQL. */
import { useState } from 'preact/hooks'
import type { Overview } from '../views/types.js'
import { useAnswer } from './parts/api.js'
import { type Route, routeText } from './parts/route.js'

/** What the server calls the view; the page has words that are its own. */
function asked({ view, words }: Route, overview: Overview): string {
  // What happens cannot be asked for again; what the upper has, can.
  if (view === 'live') return `search?in=${overview.layers.length - 1}`
  const { file, a: _a, b: _b, ...rest } = words
  return file === undefined ? routeText({ view, words: rest }) : `file?path=${file}`
}

export function Links({ route, overview }: { readonly route: Route; readonly overview: Overview }) {
  const question = asked(route, overview)
  const limited = `${question}${question.includes('?') ? '&' : '?'}limit=1`
  const { value } = useAnswer<{ sql?: string }>(overview.complete ? limited : null, overview.version)
  const sql = value?.sql
  return (
    <footer class="links">
      <Copied label="Copy link" text={() => location.href} />
      <Copied
        label="Copy as --json"
        text={() => `stratafs explore ${overview.words.map(quoted).join(' ')} --json --view ${quoted(question)}`}
      />
      {sql && <Copied label="Copy as SQL" text={() => `sqlite3 ${quoted(overview.index)} ${quoted(sql)}`} />}
      <a href={`/api/${question}`} target="_blank" rel="noreferrer">
        JSON
      </a>
    </footer>
  )
}

/** A word for a shell. */
function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`
}

function Copied({ label, text }: { readonly label: string; readonly text: () => string }) {
  const [shown, setShown] = useState<string | null>(null)
  const copy = async () => {
    const words = text()
    setShown(words)
    await navigator.clipboard?.writeText(words).catch(() => {})
  }
  return (
    <span>
      <button type="button" onClick={() => void copy()}>
        {label}
      </button>
      {shown !== null && (
        <output class="copied">
          <code>{shown}</code>
        </output>
      )}
    </span>
  )
}
