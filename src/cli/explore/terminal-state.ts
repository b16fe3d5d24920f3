/**
 * What the terminal shows and what keys do: dive's keys, so that its users are at home. Layers at the left, the tree at
 * the right; `w` lists what is wasted, `v` follows a file down its layers.
 */
import { shown } from '../../base/text.js'
import type { Explorer } from '../../explore/explorer.js'
import { type Row, TreeModel } from '../../explore/views/tree-model.js'
import type { FileView, Overview, Tree, Waste } from '../../explore/views/types.js'

type Pane = 'layers' | 'tree'
type Sheet = 'help' | 'waste' | 'file' | null

/** Rows of the list of waste. */
const WASTE_ROWS = 500

/** The keys that show and hide what a layer did, and the letters of that. */
const FILTERS: Readonly<Record<string, string>> = { 'ctrl-a': 'A', 'ctrl-r': 'D', 'ctrl-m': 'C', 'ctrl-u': 'U' }

export class TerminalState {
  pane: Pane = 'layers'
  sheet: Sheet = null
  /** The layer that is looked at, and the row of the tree. */
  layer: number
  row = 0
  /** Of a sheet's list. */
  line = 0
  /** Letters of changes that are shown. */
  changes = 'ACDU'
  isOnly = false
  isBySize = false
  showsAttributes = true
  /** What is being typed to search for; null: nothing. */
  typing: string | null = null
  message = ''
  model: TreeModel
  file: FileView | null = null
  #waste: Waste | null = null

  constructor(readonly explorer: Explorer) {
    this.layer = explorer.context.top
    this.model = this.#newModel()
  }

  get overview(): Overview {
    return this.explorer.view('overview') as Overview
  }

  /** Null while it is not known. */
  get waste(): Waste | null {
    const { isComplete, version } = this.explorer.filling
    if (!isComplete) return null
    if (this.#waste?.version !== version) this.#waste = this.explorer.view(`waste?limit=${WASTE_ROWS}`) as Waste
    return this.#waste
  }

  /** What is read meanwhile shows. */
  refresh(): void {
    const { version } = this.explorer.filling
    if (version !== this.model.version) this.model.renew(version)
  }

  /** Does what `key` means; false: the end. `page`: rows of a screen. */
  press(key: string, page: number): boolean {
    this.message = ''
    if (key === 'ctrl-c') return false
    if (this.typing !== null) this.#type(key)
    else if (this.sheet !== null) this.#pressOnSheet(key, page)
    else if (key === 'q' || key === 'escape') return false
    else this.#press(key, page)
    return true
  }

  #press(key: string, page: number): void {
    if (key === 'tab') this.pane = this.pane === 'tree' ? 'layers' : 'tree'
    else if (key === '?') this.#open('help')
    else if (key === 'w') this.#open('waste')
    else if (key === '/' || key === 'ctrl-f') this.typing = ''
    else if (this.pane === 'layers') this.#pressOnLayers(key, page)
    else this.#pressOnTree(key, page)
  }

  #open(sheet: Sheet): void {
    this.sheet = sheet
    this.line = 0
  }

  #pressOnSheet(key: string, page: number): void {
    if (['q', 'escape', 'w', 'v', '?', ' '].includes(key)) this.sheet = null
    else this.line = Math.max(0, moved(key, this.line, page, WASTE_ROWS) ?? this.line)
  }

  #pressOnLayers(key: string, page: number): void {
    const { top } = this.explorer.context
    const to = moved(key, this.layer, page, top + 1)
    if (to !== null) this.layer = to
    else if (key === 'ctrl-l') this.isOnly = true
    else if (key === 'ctrl-a') this.isOnly = false
    else return
    this.#renew()
  }

  #pressOnTree(key: string, page: number): void {
    const to = moved(key, this.row, page, this.model.count)
    if (to !== null) this.row = to
    else if (FILTERS[key] !== undefined) this.#filter(FILTERS[key])
    else if (key === 'ctrl-b') this.showsAttributes = !this.showsAttributes
    else if (key === 'ctrl-o') {
      this.isBySize = !this.isBySize
      this.#renew()
    } else if (key === 'ctrl-space') this.#renew(false)
    else if (this.model.count > 0) this.#pressOnRow(key, this.model.rowAt(this.row))
  }

  #pressOnRow(key: string, row: Row): void {
    const isOpen = this.model.isOpen(row)
    if (key === ' ' || (key === 'right' && !isOpen) || (key === 'left' && isOpen)) this.model.toggle(row)
    else if (key === 'left') this.#up(row)
    else if (key === 'v') this.#follow(row)
  }

  #up(row: Row): void {
    for (let at = this.row - 1; at >= 0; at--) {
      if (this.model.rowAt(at).depth >= row.depth) continue
      this.row = at
      return
    }
  }

  #follow(row: Row): void {
    this.file = this.explorer.view(`file?path=${this.model.pathOf(row)}`) as FileView
    this.#open('file')
  }

  /** Shows or hides what was added, changed, deleted or left alone. */
  #filter(letter: string): void {
    this.changes = this.changes.includes(letter) ? this.changes.replace(letter, '') : this.changes + letter
    this.#renew()
  }

  /** Asks anew; directories stay open. */
  #renew(keep = true): void {
    const open = this.model.openPaths()
    this.row = 0
    this.model = this.#newModel()
    if (keep) this.model.reopen(open)
  }

  #newModel(): TreeModel {
    const words = [
      `layer=${this.layer}`,
      ...(this.isOnly ? ['only=1'] : []),
      ...(this.isBySize ? ['sort=size'] : []),
      ...(this.changes.length < 4 ? [`changes=${this.changes || 'none'}`] : []),
    ].join('&')
    const load = (question: string, done: (answer: Tree | Error) => void) => {
      try {
        done(this.explorer.view(`tree?${question}&${words}`) as Tree)
      } catch (error) {
        done(error as Error)
      }
    }
    return new TreeModel('/', load, () => {})
  }

  #type(key: string): void {
    if (key === 'escape') this.typing = null
    else if (key === 'backspace') this.typing = this.typing!.slice(0, -1)
    else if (key === 'ctrl-m') this.#search()
    else if ([...key].length === 1) this.typing += key
  }

  /** Unfolds the tree down to the first path that was found. */
  #search(): void {
    const wanted = this.typing ?? ''
    this.typing = null
    if (wanted === '') return
    const question = `search?name=${encodeURIComponent(wanted)}&ghosts=1&limit=1`
    const { rows, total } = this.explorer.view(question) as { rows: { path: string }[]; total: number }
    const [found] = rows
    if (found === undefined) this.message = `nothing is called ${shown(wanted)}`
    else if (!this.reveal(found.path)) this.message = `${found.path} is not in what is shown`
    else this.message = total > 1 ? `the first of ${total}` : found.path
  }

  /** Unfolds the way to `path`, and stands there; false where a filter hides it. */
  reveal(path: string): boolean {
    this.pane = 'tree'
    const parts = path.split('/').filter((part) => part !== '')
    let from = 0
    for (const [depth, part] of parts.entries()) {
      const at = this.#find(part, depth, from)
      if (at < 0) return false
      const row = this.model.rowAt(at)
      if (depth < parts.length - 1 && !this.model.isOpen(row)) this.model.toggle(row)
      this.row = at
      from = at + 1
    }
    return true
  }

  #find(name: string, depth: number, from: number): number {
    for (let at = from; at < this.model.count; at++) {
      const row = this.model.rowAt(at)
      if (row.depth < depth) return -1
      if (row.depth === depth && row.entry?.name === name) return at
    }
    return -1
  }
}

/** Where a key leads in a list of `count`; null for another key. */
function moved(key: string, at: number, page: number, count: number): number | null {
  const steps: Readonly<Record<string, number>> = {
    ...{ up: -1, k: -1, down: 1, j: 1, 'page-up': -page, 'page-down': page, home: -count, end: count },
  }
  const step = steps[key]
  return step === undefined ? null : Math.max(0, Math.min(count - 1, at + step))
}
