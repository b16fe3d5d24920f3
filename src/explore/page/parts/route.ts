/** Where the page is: `#tree?path=/usr&layer=2`, which is also what is copied, and what `--view` takes. */
import { useEffect, useState } from 'preact/hooks'

export interface Route {
  readonly view: string
  readonly words: Readonly<Record<string, string>>
}

/** Values stay percent-encoded where their bytes are no UTF-8. */
function parse(hash: string): Route {
  const [view = '', rest = ''] = hash.replace(/^#/, '').split(/\?(.*)/s)
  const words: Record<string, string> = {}
  for (const part of rest.split('&').filter((each) => each !== '')) {
    const [key = '', value = ''] = part.split(/=(.*)/s)
    words[key] = value
  }
  return { view: view || 'tree', words }
}

/** A text as a value of a route. */
export function asValue(text: string): string {
  return encodeURIComponent(text).replace(/%2F/g, '/')
}

/** A value of a route as text. */
export function asText(value: string | undefined): string {
  try {
    return decodeURIComponent(value ?? '')
  } catch {
    return value ?? ''
  }
}

export function routeText({ view, words }: Route): string {
  const pairs = Object.entries(words).filter(([, value]) => value !== '')
  return pairs.length === 0 ? view : `${view}?${pairs.map(([key, value]) => `${key}=${value}`).join('&')}`
}

export function hrefOf(view: string, words: Route['words'] = {}): string {
  return `#${routeText({ view, words })}`
}

/** Goes there; `quietly`: without a step in the browser's history. */
export function go(view: string, words: Route['words'], quietly = false): void {
  const href = hrefOf(view, words)
  if (!quietly) location.hash = href
  else {
    history.replaceState(null, '', href)
    dispatchEvent(new HashChangeEvent('hashchange'))
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash))
  useEffect(() => {
    const changed = () => setRoute(parse(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return route
}
