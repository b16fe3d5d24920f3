/** One row of the tree: what the layer did to it as a letter, whose it is, size, name; of a ghost, who hides it. */
import type { Entry } from '../../explore/views/types.js'
import { sizeText } from '../terminal/units.js'
import { cell, fitted, type Line, right, type Style } from './cells.js'
import type { TerminalState } from './terminal-state.js'

const MARKS: Readonly<Record<Entry['change'], string>> = { A: '+', C: '~', D: '-', U: ' ' }
const STYLES: Readonly<Record<Entry['change'], Style>> = { A: 'added', C: 'changed', D: 'deleted', U: 'plain' }

export function treeLine(state: TerminalState, at: number, columns: number, chosen: boolean): Line {
  const row = state.model.rowAt(at)
  const { entry, depth } = row
  if (entry === null) return [cell(fitted(' …', columns), 'dim')]
  const fold = entry.kind === 'directory' ? (state.model.isOpen(row) ? '▾ ' : '▸ ') : '  '
  const size = state.isOnly ? entry.own : entry.size
  const facts = `${entry.mode} ${right(`${entry.uid}:${entry.gid}`, 9)} `
  const wide = state.showsAttributes && columns >= 64 ? facts : ''
  const front = `${MARKS[entry.change]} ${right(String(entry.layer + 1), 2)} ${wide}${right(sizeText(size), 8)} `
  const text = `${front}${'  '.repeat(depth)}${fold}${nameText(entry)}${ghostText(entry)}`
  const style = chosen ? 'chosen' : entry.ghost !== null ? 'deleted' : STYLES[entry.change]
  return [cell(fitted(`${chosen ? '>' : ' '}${text}`, columns), style)]
}

function nameText({ name, kind, link }: Entry): string {
  return kind === 'directory' ? `${name}/` : link === null ? name : `${name} -> ${link}`
}

function ghostText({ ghost }: Entry): string {
  return ghost === null ? '' : `  [${WHY[ghost.why]} ${ghost.by + 1}]`
}

const WHY = {
  replaced: 'replaced by',
  deleted: 'deleted by',
  opaque: 'covered by',
  'parent-deleted': 'deleted by',
  'parent-replaced': 'replaced by',
} as const
