/** The stack as a picture: the topmost layer at the top, each as wide as it is large. */
import type { LayerInfo, Overview } from '../views/types.js'
import { Bar, colourOf, LayerChip } from './parts/parts.js'
import { hrefOf, type Route } from './parts/route.js'
import { agoText, sizeText } from './parts/words.js'

export function Stack({ route, overview }: { readonly route: Route; readonly overview: Overview }) {
  const most = Math.max(1, ...overview.layers.map(({ bytes }) => bytes))
  return (
    <ol class="stack" reversed>
      {[...overview.layers].reverse().map((layer) => (
        <LayerItem key={layer.layer} layer={layer} most={most} route={route} />
      ))}
    </ol>
  )
}

interface ItemProperties {
  readonly layer: LayerInfo
  readonly most: number
  readonly route: Route
}

function LayerItem({ layer, most, route }: ItemProperties) {
  const isChosen = route.words.layer === String(layer.layer)
  // Chosen again, it is let go.
  const { layer: _, only: __, ...rest } = route.view === 'tree' || route.view === 'map' ? route.words : {}
  const words = isChosen ? rest : { ...rest, layer: String(layer.layer) }
  const view = route.view === 'map' ? 'map' : 'tree'
  return (
    <li style={colourOf(layer.layer)} class={isChosen ? 'layer chosen' : 'layer'}>
      <a href={hrefOf(view, words as Route['words'])} aria-current={isChosen ? 'true' : undefined}>
        <span class="layer-head">
          <LayerChip layer={layer} whole />
          <strong>{sizeText(layer.bytes)}</strong>
        </span>
        <Bar part={layer.bytes / most} wasted={wastedPart(layer)} layer={layer.layer} />
        <span class="command">{layer.command || layer.root || layer.digest?.slice(0, 19)}</span>
        <span class="facts">{factsOf(layer).join(' · ')}</span>
        {layer.fault !== null && <span role="alert">{layer.fault}</span>}
      </a>
    </li>
  )
}

function wastedPart({ bytes, wasted }: LayerInfo): number {
  return wasted === null || bytes === 0 ? 0 : wasted / bytes
}

function factsOf(layer: LayerInfo): string[] {
  const { state, progress, entries, stored, wasted, created, shared } = layer
  if (state === 'waiting') return ['not read yet']
  if (state === 'reading') return [progress > 0 ? `reading, ${Math.round(progress * 100)} %` : 'reading']
  return [
    `${entries} entries`,
    ...(stored === null ? [] : [`${sizeText(stored)} stored`]),
    ...(wasted ? [`${sizeText(wasted)} hidden by layers above`] : []),
    ...(created === null ? [] : [agoText(created)]),
    ...(shared.length === 0 ? [] : [`also in ${shared.join(', ')}`]),
  ]
}
