/** Small parts that several views show: a layer's number in its colour, a path of links, a bar. */
import type { ComponentChildren } from 'preact'
import type { LayerInfo } from '../../views/types.js'
import { asText } from './route.js'
import { hueOf } from './words.js'

/** A layer's number and name; the colour only repeats what the number says. */
export function LayerChip({ layer, whole = false }: { readonly layer: LayerInfo; readonly whole?: boolean }) {
  const title = layer.command === '' ? layer.label : `${layer.label}: ${layer.command}`
  return (
    <span class="chip" style={colourOf(layer.layer)} title={title}>
      {whole || layer.label.length <= 9 ? layer.label : shortLabel(layer)}
    </span>
  )
}

function shortLabel({ label, layer }: LayerInfo): string {
  const position = /^layer (\d+)\/\d+$/.exec(label)?.[1]
  return position === undefined ? `${layer + 1} ${label.slice(0, 7)}…` : `layer ${position}`
}

export function colourOf(layer: number): Record<string, string> {
  return { '--hue': String(hueOf(layer)) }
}

/** `path` (as routes have it) as links to each directory on the way. */
export function Path({ path, href }: { readonly path: string; readonly href: (path: string) => string }) {
  const parts = path.split('/').filter((part) => part !== '')
  return (
    <nav class="path" aria-label="Path">
      <a href={href('/')}>/</a>
      {parts.map((part, at) => (
        <span key={at}>
          {at > 0 && '/'}
          <a
            href={href(`/${parts.slice(0, at + 1).join('/')}`)}
            aria-current={at === parts.length - 1 ? 'page' : undefined}
          >
            {asText(part)}
          </a>
        </span>
      ))}
    </nav>
  )
}

interface BarProperties {
  /** 0 to 1. */
  readonly part: number
  readonly wasted?: number
  readonly layer: number
}

/** How much of the whole a layer is, and how much of that nobody sees. Words beside it say the same. */
export function Bar({ part, wasted = 0, layer }: BarProperties) {
  return (
    <span class="bar" aria-hidden="true">
      <span class="bar-part" style={{ ...colourOf(layer), width: `${Math.max(0.5, part * 100)}%` }}>
        <span class="bar-wasted" style={{ width: `${wasted * 100}%` }} />
      </span>
    </span>
  )
}

/** What is being asked, or why it cannot be answered. */
export function Waiting({ error }: { readonly error: string | null }) {
  return error === null ? <p class="quiet">…</p> : <p role="alert">{error}</p>
}

export function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  )
}
