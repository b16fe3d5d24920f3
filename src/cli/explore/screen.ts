/** The screen as lines, for any size from 40 by 10 on: layers and waste at the left, the tree at the right. */
import type { LayerInfo, Overview, Waste } from '../../explore/views/types.js'
import { agoText, sizeText } from '../terminal/units.js'
import { type Cell, cell, fitted, type Line, right, type Style } from './cells.js'
import { sheetLines } from './sheets.js'
import type { TerminalState } from './terminal-state.js'
import { treeLine } from './tree-line.js'

/** Narrower terminals show one pane at a time. */
const BOTH = 70
const KEYS = ' tab pane  space fold  ^A + ^R - ^M ~ ^U =  v file  w waste  / find  ? keys  q end'

/** Lines for a terminal of this size; each as wide as it. */
export function screenLines(state: TerminalState, columns: number, rows: number): Line[] {
  const overview = state.overview
  const body = rows - 2
  const middle =
    state.sheet === null ? panes(state, overview, columns, body) : sheetLines(state, overview, columns, body)
  return [titleLine(overview, columns), ...filled(middle, body, columns), footLine(state, columns)]
}

function filled(lines: readonly Line[], count: number, columns: number): Line[] {
  const empty = Array.from({ length: Math.max(0, count - lines.length) }, () => [cell(' '.repeat(columns))])
  return [...lines.slice(0, count), ...empty]
}

function titleLine(overview: Overview, columns: number): Line {
  const { title, layers, bytes, wasted, complete } = overview
  const done = layers.filter(({ state }) => state === 'done' || state === 'failed').length
  const facts = complete
    ? `${sizeText(bytes)} in ${layers.length} layers, ${sizeText(wasted ?? 0)} wasted`
    : `reading: ${done} of ${layers.length} layers`
  const room = Math.max(8, columns - facts.length - 4)
  return [cell(fitted(` ${title.length > room ? fitted(title, room, 'start') : title}  ${facts}`, columns), 'head')]
}

function footLine({ typing, message }: TerminalState, columns: number): Line {
  if (typing !== null) return [cell(fitted(` find: ${typing}_`, columns), 'bold')]
  return [cell(fitted(message === '' ? KEYS : ` ${message}`, columns), message === '' ? 'dim' : 'bold')]
}

function panes(state: TerminalState, overview: Overview, columns: number, rows: number): Line[] {
  if (columns < BOTH)
    return state.pane === 'layers' ? leftPane(state, overview, columns, rows) : treePane(state, columns, rows)
  const left = Math.min(48, Math.floor(columns * 0.42))
  const a = filled(leftPane(state, overview, left, rows), rows, left)
  const b = filled(treePane(state, columns - left - 1, rows), rows, columns - left - 1)
  return a.map((line, at) => [...line, cell('│', 'dim'), ...b[at]!])
}

function heading(text: string, columns: number, active: boolean): Line {
  return [cell(fitted(`${active ? '●' : '○'} ${text}`, columns), active ? 'bold' : 'dim')]
}

function leftPane(state: TerminalState, overview: Overview, columns: number, rows: number): Line[] {
  const room = Math.max(3, Math.floor(rows * 0.4))
  const layers = overview.layers
  const from = Math.max(0, Math.min(state.layer - Math.floor(room / 2), layers.length - room))
  const list = layers.slice(from, from + room).map((layer) => layerLine(layer, columns, layer.layer === state.layer))
  return [
    heading('Layers', columns, state.pane === 'layers'),
    ...list,
    ...details(layers[state.layer], columns),
    ...wasteLines(state.waste, columns, Math.max(0, rows - list.length - 8)),
  ]
}

function layerLine(layer: LayerInfo, columns: number, chosen: boolean): Line {
  const size = right(sizeText(layer.bytes), 8)
  const label = layer.label.replace(/^layer /, '')
  const name = fitted(label, Math.min(10, label.length))
  const text = `${chosen ? '>' : ' '}${name} ${size}  ${layer.command || layer.root || ''}`
  return [cell(fitted(text, columns), chosen ? 'chosen' : 'plain')]
}

function details(layer: LayerInfo | undefined, columns: number): Line[] {
  if (layer === undefined) return []
  const { entries, wasted, created, shared, stored, command, digest, root, state, progress, fault } = layer
  const read = state === 'reading' ? [`reading, ${Math.round(progress * 100)} %`] : []
  const facts = [
    ...read,
    `${entries} entries`,
    ...(stored === null ? [] : [`${sizeText(stored)} stored`]),
    ...(wasted ? [`${sizeText(wasted)} hidden`] : []),
    ...(created === null ? [] : [agoText(created)]),
  ]
  const lines = [
    facts.join(' · '),
    command || root || '',
    digest ?? '',
    shared.length > 0 ? `also in ${shared.join(', ')}` : '',
  ]
  const plain = (text: string, style: Style = 'plain') => [cell(fitted(` ${text}`, columns), style)]
  const told = lines.filter((line) => line !== '').map((line): Line => plain(line, 'dim'))
  return [[cell(fitted('Details', columns), 'bold')], ...told, ...(fault === null ? [] : [plain(fault, 'deleted')])]
}

function wasteLines(waste: Waste | null, columns: number, rows: number): Line[] {
  if (waste === null || rows < 2) return []
  const title = `Wasted ${sizeText(waste.wasted)} (${(waste.ratio * 100).toFixed(1)} %)`
  const list = waste.rows
    .slice(0, rows - 1)
    .map(({ path, bytes }): Cell[] => [cell(`${right(sizeText(bytes), 9)} ${fitted(path, columns - 10, 'start')}`)])
  return [[cell(fitted(title, columns), 'bold')], ...list]
}

function treePane(state: TerminalState, columns: number, rows: number): Line[] {
  const { model, pane } = state
  const what = state.isOnly ? `Layer ${state.layer + 1} alone` : `Files up to layer ${state.layer + 1}`
  const hidden = [...'ACDU'].filter((letter) => !state.changes.includes(letter)).join('')
  const title = `${what}${hidden === '' ? '' : `, without ${hidden}`}${state.isBySize ? ', largest first' : ''}`
  const head = [heading(title, columns, pane === 'tree')]
  if (model.error !== null) return [...head, [cell(fitted(model.error, columns))]]
  if (model.count === 0) return [...head, [cell(fitted(' nothing', columns), 'dim')]]
  const room = rows - 1
  const from = Math.max(0, Math.min(state.row - Math.floor(room / 2), model.count - room))
  const lines: Line[] = []
  for (let at = from; at < Math.min(model.count, from + room); at++)
    lines.push(treeLine(state, at, columns, pane === 'tree' && at === state.row))
  return [...head, ...lines]
}
