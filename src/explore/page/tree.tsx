/** The merged tree: owner by colour, ghosts with what hides them; or what one layer itself has. */
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks'
import { type Row, TreeModel } from '../views/tree-model.js'
import type { Entry, LayerInfo, Overview, Tree } from '../views/types.js'
import { FilePane } from './file.js'
import { ask } from './parts/api.js'
import { LayerChip, Path } from './parts/parts.js'
import { go, hrefOf, type Route, routeText } from './parts/route.js'
import { moved, VirtualList } from './parts/virtual.js'
import { CHANGES, modeLetters, REASONS, sizeText, timeText } from './parts/words.js'

const FILTERS = [
  ['A', 'added'],
  ['C', 'changed'],
  ['D', 'deleted'],
  ['U', 'unchanged'],
] as const

/** What goes with every question of one tree. */
function questionOf({ layer, only, changes, sort, ghosts }: Route['words']): string {
  const words = { layer: layer ?? '', only: only ?? '', changes: changes ?? '', sort: sort ?? '', ghosts: ghosts ?? '' }
  const rest = routeText({ view: '', words })
  return rest === '' ? '' : `&${rest.slice(1)}`
}

function modelOf(path: string | undefined, question: string, changed: () => void): TreeModel {
  const load = (words: string, done: (answer: Tree | Error) => void) =>
    void ask<Tree>(`tree?${words}${question}`).then(done, (error: Error) => done(error))
  return new TreeModel(path ?? '/', load, changed)
}

export function TreeView({ route, overview }: { readonly route: Route; readonly overview: Overview }) {
  const { words } = route
  const [, redraw] = useReducer((turn: number) => turn + 1, 0)
  const question = questionOf(words)
  const model = useMemo(() => modelOf(words.path, question, () => redraw(null)), [words.path, question])
  const [active, setActive] = useState(0)
  useEffect(() => setActive(0), [model])
  useEffect(() => model.renew(overview.version), [model, overview.version])
  const at = Math.min(active, Math.max(0, model.count - 1))
  return (
    <div class={words.file === undefined ? 'tree' : 'tree with-pane'}>
      <div class="tree-main">
        <Toolbar route={route} />
        {model.error !== null && <p role="alert">{model.error}</p>}
        {model.isLoaded && model.error === null && model.count === 0 && <p>Nothing is here.</p>}
        <VirtualList
          count={model.count}
          active={at}
          role="treegrid"
          label={`Files of ${words.path ?? '/'}`}
          columns={6}
          activeId={model.count === 0 ? undefined : `row-${at}`}
          header={<Header />}
          row={(index) => (
            <TreeRow
              at={index}
              model={model}
              active={index === at}
              layers={overview.layers}
              choose={() => setActive(index)}
              open={() => openRow(route, model, model.rowAt(index))}
            />
          )}
          onKeyDown={(event, page) => keyed(event, page, route, model, at, setActive)}
        />
      </div>
      {words.file !== undefined && <FilePane route={route} overview={overview} path={words.file} />}
    </div>
  )
}

function keyed(
  event: KeyboardEvent,
  page: number,
  route: Route,
  model: TreeModel,
  at: number,
  choose: (at: number) => void,
): void {
  const to = moved(event.key, at, model.count, page)
  if (to !== null) choose(to)
  else if (model.count === 0 || event.ctrlKey || event.metaKey || event.altKey) return
  else if (!keyOnRow(event.key, route, model, model.rowAt(at), at, choose)) return
  event.preventDefault()
}

/** Whether the key means something on a row. */
function keyOnRow(
  key: string,
  route: Route,
  model: TreeModel,
  row: Row,
  at: number,
  choose: (at: number) => void,
): boolean {
  const isDirectory = row.entry?.kind === 'directory'
  if (key === 'ArrowRight' && isDirectory) {
    if (model.isOpen(row)) choose(at + 1)
    else model.toggle(row)
  } else if (key === 'ArrowLeft') {
    if (isDirectory && model.isOpen(row)) model.toggle(row)
    else choose(rowAbove(model, at))
  } else if (key === ' ' && isDirectory) model.toggle(row)
  else if (key === 'Enter') openRow(route, model, row)
  else if (key === 'Backspace') go('tree', { ...route.words, path: parentOf(route.words.path ?? '/') })
  else return false
  return true
}

/** The row of the directory that the row `at` lies in. */
function rowAbove(model: TreeModel, at: number): number {
  const { depth } = model.rowAt(at)
  for (let above = at - 1; above >= 0; above--) if (model.rowAt(above).depth < depth) return above
  return at
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** A file is followed down its layers; a directory becomes the root of what is shown. */
function openRow({ words }: Route, model: TreeModel, row: Row): void {
  if (row.entry === null) return
  const path = model.pathOf(row)
  if (row.entry.kind === 'directory' && row.entry.ghost === null) go('tree', { ...words, path, file: '' })
  else go('tree', { ...words, file: path })
}

function Toolbar({ route: { words } }: { readonly route: Route }) {
  const chosen = words.changes ?? ''
  const changed = (next: Readonly<Record<string, string>>) => go('tree', { ...words, ...next }, true)
  return (
    <div class="toolbar">
      <Path path={words.path ?? '/'} href={(path) => hrefOf('tree', { ...words, path, file: '' })} />
      <fieldset>
        <legend class="hidden">Show</legend>
        {FILTERS.map(([letter, name]) => (
          <label key={letter}>
            <input
              type="checkbox"
              checked={chosen === '' || chosen.includes(letter)}
              onChange={() => changed({ changes: toggled(chosen, letter) })}
            />
            {name}
          </label>
        ))}
        <label>
          <input
            type="checkbox"
            checked={words.ghosts !== '0'}
            onChange={() => changed({ ghosts: words.ghosts === '0' ? '' : '0' })}
          />
          ghosts
        </label>
        {words.layer !== undefined && (
          <label>
            <input
              type="checkbox"
              checked={words.only === '1'}
              onChange={() => changed({ only: words.only === '1' ? '' : '1' })}
            />
            this layer only
          </label>
        )}
        <label>
          <input
            type="checkbox"
            checked={words.sort === 'size'}
            onChange={() => changed({ sort: words.sort === 'size' ? '' : 'size' })}
          />
          largest first
        </label>
      </fieldset>
    </div>
  )
}

function toggled(chosen: string, letter: string): string {
  const all = FILTERS.map(([each]) => each)
  const now = chosen === '' ? all : all.filter((each) => chosen.includes(each))
  const next = now.includes(letter as never) ? now.filter((each) => each !== letter) : [...now, letter]
  return next.length === 0 || next.length === all.length ? '' : all.filter((each) => next.includes(each)).join('')
}

function Header() {
  return (
    <div role="row" class="row head">
      {['Name', 'Layer', 'Size', 'Below', 'Mode', 'Modified'].map((name, at) => (
        <span key={name} role="columnheader" class={`cell c${at}`}>
          {name}
        </span>
      ))}
    </div>
  )
}

interface RowProperties {
  readonly at: number
  readonly model: TreeModel
  readonly active: boolean
  readonly layers: readonly LayerInfo[]
  readonly choose: () => void
  readonly open: () => void
}

function TreeRow({ at, model, active, layers, choose, open }: RowProperties) {
  const row = model.rowAt(at)
  const { entry, depth } = row
  const isDirectory = entry?.kind === 'directory'
  const classes = ['row', active ? 'active' : '', entry?.ghost ? 'ghost' : '', entry ? `is-${entry.change}` : 'pending']
  return (
    <div
      id={`row-${at}`}
      role="row"
      class={classes.join(' ')}
      aria-level={depth + 1}
      aria-rowindex={at + 2}
      aria-selected={active}
      aria-expanded={isDirectory ? model.isOpen(row) : undefined}
      onClick={choose}
      onDblClick={open}
    >
      <span role="gridcell" class="cell c0" style={{ paddingLeft: `${depth * 1.1 + 0.25}rem` }}>
        {isDirectory ? (
          <button
            type="button"
            class="twisty"
            tabIndex={-1}
            aria-label={`${model.isOpen(row) ? 'Fold' : 'Unfold'} ${entry.name}`}
            onClick={() => model.toggle(row)}
          >
            {model.isOpen(row) ? '▾' : '▸'}
          </button>
        ) : (
          <span class="twisty" />
        )}
        <button type="button" class="name" tabIndex={-1} onClick={open}>
          {entry === null ? '…' : nameText(entry)}
        </button>
        {entry !== null && <Remark entry={entry} layers={layers} />}
      </span>
      <span role="gridcell" class="cell c1">
        {entry !== null && <LayerChip layer={layers[entry.layer]!} />}
        {entry !== null && entry.layers.length > 1 && <span class="more">+{entry.layers.length - 1}</span>}
      </span>
      <span role="gridcell" class="cell c2">
        {entry === null ? '' : sizeText(entry.size)}
      </span>
      <span role="gridcell" class="cell c3">
        {entry === null || entry.hidden === 0 ? '' : sizeText(entry.hidden)}
      </span>
      <span role="gridcell" class="cell c4">
        {entry === null ? '' : modeLetters(entry.kind, entry.mode)}
      </span>
      <span role="gridcell" class="cell c5">
        {entry === null ? '' : timeText(entry.mtime)}
      </span>
    </div>
  )
}

function nameText({ name, kind, link }: Entry): string {
  if (kind === 'directory') return `${name}/`
  return link === null ? name : `${name} → ${link}`
}

function Remark({
  entry: { ghost, change, xattrs },
  layers,
}: {
  readonly entry: Entry
  readonly layers: readonly LayerInfo[]
}) {
  return (
    <>
      {ghost !== null && (
        <span class="remark">
          {REASONS[ghost.why]} {layers[ghost.by]?.label}
        </span>
      )}
      {ghost === null && change !== 'U' && <span class={`remark change-${change}`}>{CHANGES[change]}</span>}
      {xattrs.length > 0 && <span class="remark">{xattrs.join(', ')}</span>}
    </>
  )
}
