/** Where the bytes are: a treemap, three levels deep, in the colours of the layers. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { joinValue } from '../views/tree-model.js'
import type { MapView as Answer, LayerInfo, MapNode, Overview } from '../views/types.js'
import { useAnswer } from './parts/api.js'
import { colourOf, LayerChip, Path, Waiting } from './parts/parts.js'
import { go, hrefOf, type Route, routeText } from './parts/route.js'
import { type Box, squarified } from './parts/squarify.js'
import { sizeText } from './parts/words.js'

const ROOM = 22

export function MapView({ route, overview }: { readonly route: Route; readonly overview: Overview }) {
  const { words } = route
  const path = words.path ?? '/'
  const { layer = '', by = '', in: only = '' } = words
  const question = routeText({ view: 'map', words: { path, layer, by, in: only } })
  const { value, error } = useAnswer<Answer>(overview.complete ? question : null, overview.version)
  return (
    <div class="map-view">
      <div class="toolbar">
        <Path path={path} href={(at) => hrefOf('map', { ...words, path: at })} />
        {value !== null && <span class="quiet">{sizeText(value.node.size)} show</span>}
        <label>
          <input
            type="checkbox"
            checked={by === 'layer'}
            onChange={() => go('map', { ...words, in: '', by: by === 'layer' ? '' : 'layer' }, true)}
          />
          each layer apart
        </label>
        {only !== '' && (
          <a href={hrefOf('map', { ...words, in: '', by: 'layer' })}>
            only {overview.layers[Number(only)]?.label}: all
          </a>
        )}
      </div>
      {!overview.complete && <p class="quiet">The layers are being read.</p>}
      {value === null ? (
        <Waiting error={error} />
      ) : (
        <TreeMap node={value.node} path={path} words={words} layers={overview.layers} />
      )}
      <Legend layers={overview.layers} />
    </div>
  )
}

function Legend({ layers }: { readonly layers: readonly LayerInfo[] }) {
  return (
    <p class="legend">
      {layers.map((layer) => (
        <LayerChip key={layer.layer} layer={layer} />
      ))}
    </p>
  )
}

interface MapProperties {
  readonly node: MapNode
  readonly path: string
  readonly words: Route['words']
  readonly layers: readonly LayerInfo[]
}

function TreeMap({ node, path, words, layers }: MapProperties) {
  const box = useRef<HTMLElement>(null)
  const [size, setSize] = useState({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const element = box.current!
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [])
  const boxes = squarified(node.children ?? [], { x: 0, y: 0, ...size })
  return (
    <section class="map" ref={box} aria-label="Sizes">
      {boxes.length === 0 && size.width > 0 && <p class="quiet">Nothing shows here.</p>}
      {boxes.map(({ item, ...at }) => (
        <Tile key={item.raw ?? item.name} item={item} at={at} path={path} words={words} layers={layers} />
      ))}
    </section>
  )
}

interface TileProperties {
  readonly item: MapNode
  readonly at: Box
  readonly path: string
  readonly words: Route['words']
  readonly layers: readonly LayerInfo[]
}

function Tile({ item, at, path, words, layers }: TileProperties) {
  const owner = item.layers[0]?.[0] ?? 0
  const label = layers[owner]?.label ?? ''
  const name = item.layer === undefined && item.directory ? `${item.name}/` : item.name
  const title = `${name} ${sizeText(item.size)}${name === label ? '' : `, ${label}`}`
  if (item.layers.length === 0) return <span class="tile rest" style={placeOf(at)} title={`… ${sizeText(item.size)}`} />
  const hasRoom = at.width > 30 && at.height > 16
  const href = hrefTo(item, path, words)
  return (
    <div class="tile" style={{ ...placeOf(at), ...colourOf(owner) }} title={title}>
      {hasRoom ? (
        <a class="tile-name" href={href}>
          {item.name} <small>{sizeText(item.size)}</small> <span class="hidden">{label}</span>
        </a>
      ) : (
        <a class="tile-name" href={href}>
          <span class="hidden">{title}</span>
        </a>
      )}
      <Inner item={item} at={at} owner={owner} />
    </div>
  )
}

function hrefTo(item: MapNode, path: string, words: Route['words']): string {
  if (item.layer !== undefined) return hrefOf('map', { ...words, by: '', in: String(item.layer) })
  const own = joinValue(path, item)
  const { layer } = words
  if (item.directory) return hrefOf('map', { ...words, path: own })
  return hrefOf('tree', { path, file: own, ...(layer === undefined ? {} : { layer }) })
}

/** What is in a directory, as a picture: the link of the whole leads there. */
function Inner({ item, at, owner }: { readonly item: MapNode; readonly at: Box; readonly owner: number }) {
  const room = { x: 2, y: ROOM, width: at.width - 6, height: at.height - ROOM - 4 }
  if (!item.directory || room.width < 40 || room.height < 24) return null
  return (
    <>
      {squarified(item.children ?? [], room).map(({ item: child, ...inside }) => (
        <span
          key={child.raw ?? child.name}
          aria-hidden="true"
          class={child.layers.length === 0 ? 'tile rest' : 'tile'}
          style={{ ...placeOf(inside), ...colourOf(child.layers[0]?.[0] ?? owner) }}
        >
          {inside.width > 46 && inside.height > 16 && <span class="tile-name">{child.name}</span>}
          <Inner item={child} at={inside} owner={child.layers[0]?.[0] ?? owner} />
        </span>
      ))}
    </>
  )
}

function placeOf({ x, y, width, height }: Box): Record<string, string> {
  return { left: `${x}px`, top: `${y}px`, width: `${Math.max(0, width - 1)}px`, height: `${Math.max(0, height - 1)}px` }
}
