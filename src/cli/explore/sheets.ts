/** What takes the whole screen: keys, waste, and a file's versions. */
import type { FileView, Overview, Version, Waste } from '../../explore/views/types.js'
import { sizeText } from '../terminal/units.js'
import { cell, fitted, type Line, right } from './cells.js'
import type { TerminalState } from './terminal-state.js'

const HELP = [
  'Keys',
  '',
  '  tab         the other pane             q, ctrl-C   end',
  '  up, down, page up, page down, home, end; also k, j',
  '',
  '  in the layers    ctrl-L   what the layer itself has',
  '                   ctrl-A   all up to the layer',
  '',
  '  in the tree      space    fold and unfold (right, left)',
  '                   ctrl-space  fold all',
  '                   ctrl-A   added: show or hide',
  '                   ctrl-R   removed',
  '                   ctrl-M   modified (Enter sends the same)',
  '                   ctrl-U   unmodified',
  '                   ctrl-B   attributes',
  '                   ctrl-O   largest first, or by name',
  '                   v        a file down its layers',
  '',
  '  w           what is wasted              /, ctrl-F   find a name',
  '  + added   ~ changed   - removed; then the number of the layer it comes from',
]

export function sheetLines(state: TerminalState, overview: Overview, columns: number, rows: number): Line[] {
  const { sheet, line } = state
  const lines =
    sheet === 'help' ? HELP : sheet === 'file' ? fileLines(state.file!, overview) : wasteLines(state.waste, overview)
  const from = Math.max(0, Math.min(line, lines.length - rows))
  return lines
    .slice(from, from + rows)
    .map((text, at): Line => [cell(fitted(text, columns), from + at === 0 ? 'bold' : 'plain')])
}

function wasteLines(waste: Waste | null, { layers }: Overview): string[] {
  if (waste === null) return ['The layers are being read.']
  const percent = (waste.ratio * 100).toFixed(1)
  return [
    `Wasted ${sizeText(waste.wasted)} of ${sizeText(waste.bytes)} (${percent} %): overwritten ` +
      `${sizeText(waste.overwritten)}, deleted ${sizeText(waste.deleted)}`,
    '',
    ...waste.instructions.flatMap(({ label, bytes, files, command, fix }) => [
      `${right(sizeText(bytes), 9)}  ${label} hides ${files} files  ${command}`,
      `           ${fix}`,
    ]),
    '',
    ...waste.rows.map(
      ({ path, bytes, by, why }) => `${right(sizeText(bytes), 9)}  ${path}  (${why}, ${layers[by]?.label})`,
    ),
    ...(waste.duplicated === null
      ? []
      : ['', `${right(sizeText(waste.duplicated), 9)}  the same content several times`]),
    ...(waste.duplicates ?? []).map(
      ({ bytes, copies, paths }) => `${right(sizeText(bytes), 9)}  ${copies} times ${paths[0]}`,
    ),
  ]
}

function fileLines({ path, versions }: FileView, overview: Overview): string[] {
  return [path, '', ...versions.flatMap((version) => [...versionLines(version, overview), ''])]
}

function versionLines(version: Version, { layers }: Overview): string[] {
  const { ghost, kind, label, shows, mode, uid, gid, size, content } = version
  const state = kind === 'whiteout' ? 'deletes it' : ghost === null ? (shows ? 'shows' : 'is there') : ghost.why
  const by = ghost === null ? '' : ` by ${layers[ghost.by]?.label}`
  return [
    `${ghost === null ? '*' : ' '} ${label}  ${state}${by}`,
    ...(kind === 'whiteout' ? [] : [`    ${kind} ${mode} ${uid}:${gid} ${sizeText(size)} ${content ?? ''}`]),
    `    ${layers[version.layer]?.command ?? ''}`,
  ]
}
