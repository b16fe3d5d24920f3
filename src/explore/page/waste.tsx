/** Bytes that nobody sees: by instruction, by path, and content that is there several times, each with what helps. */
import { useReducer, useState } from 'preact/hooks'
import type { Duplicate, Instruction, LayerInfo, Overview, Waste, WastedPath } from '../views/types.js'
import { ask, useAnswer } from './parts/api.js'
import { usePages } from './parts/pages.js'
import { Bar, LayerChip, Section, Waiting } from './parts/parts.js'
import { asValue, hrefOf } from './parts/route.js'
import { moved, VirtualList } from './parts/virtual.js'
import { REASONS, sizeText } from './parts/words.js'

export function WasteView({ overview }: { readonly overview: Overview }) {
  const { value, error } = useAnswer<Waste>(overview.complete ? 'waste?limit=1' : null, overview.version)
  if (!overview.complete) return <p class="quiet">The layers are being read.</p>
  if (value === null) return <Waiting error={error} />
  return (
    <div class="waste">
      <p class="lead">
        <strong>{sizeText(value.wasted)}</strong> of {sizeText(value.bytes)} ({(value.ratio * 100).toFixed(1)} %) are in
        the layers and show nowhere: {sizeText(value.overwritten)} overwritten, {sizeText(value.deleted)} deleted later.
      </p>
      <Section title="By instruction">
        <Instructions instructions={value.instructions} layers={overview.layers} whole={value.bytes} />
      </Section>
      <Section title={`By path (${value.total})`}>
        <Paths overview={overview} total={value.total} />
      </Section>
      <Section title="The same content several times">
        <Duplicates duplicates={value.duplicates} bytes={value.duplicated} />
      </Section>
    </div>
  )
}

interface InstructionsProperties {
  readonly instructions: readonly Instruction[]
  readonly layers: readonly LayerInfo[]
  readonly whole: number
}

function Instructions({ instructions, layers, whole }: InstructionsProperties) {
  if (instructions.length === 0) return <p class="quiet">No layer hides a file of another.</p>
  return (
    <ul class="cards">
      {instructions.map(({ layer, command, bytes, files, fix }) => (
        <li key={layer}>
          <LayerChip layer={layers[layer]!} whole /> <strong>{sizeText(bytes)}</strong> in {files} files
          <Bar part={bytes / Math.max(1, whole)} layer={layer} />
          <code>{command}</code>
          <span class="facts">{fix}</span>
        </li>
      ))}
    </ul>
  )
}

function Paths({ overview, total }: { readonly overview: Overview; readonly total: number }) {
  const [, redraw] = useReducer((turn: number) => turn + 1, 0)
  const pages = usePages<WastedPath>('waste?', overview.version, () => redraw(null))
  const [active, setActive] = useState(0)
  if (total === 0) return <p class="quiet">Nothing is wasted.</p>
  const href = (row: WastedPath) => hrefOf('tree', { file: row.raw ?? asValue(row.path), path: parentOf(row) })
  return (
    <div class="short-list">
      <VirtualList
        count={total}
        active={active}
        role="grid"
        label="Wasted bytes by path"
        columns={3}
        activeId={`waste-${active}`}
        row={(at) => {
          const row = pages.rowAt(at)
          return (
            <div
              id={`waste-${at}`}
              role="row"
              class={at === active ? 'row waste-row active' : 'row waste-row'}
              aria-rowindex={at + 1}
              aria-selected={at === active}
              onClick={() => setActive(at)}
            >
              <span role="gridcell" class="cell c2">
                {row === null ? '…' : sizeText(row.bytes)}
              </span>
              <span role="gridcell" class="cell c0">
                {row !== null && (
                  <a href={href(row)} tabIndex={-1} title={row.fix}>
                    {row.path}
                  </a>
                )}
              </span>
              <span role="gridcell" class="cell remark">
                {row !== null && whyText(row, overview.layers)}
              </span>
            </div>
          )
        }}
        onKeyDown={(event, page) => {
          const to = moved(event.key, active, total, page)
          const row = pages.rowAt(active)
          if (to !== null) setActive(to)
          else if (event.key === 'Enter' && row !== null) location.hash = href(row)
          else return
          event.preventDefault()
        }}
      />
    </div>
  )
}

function parentOf({ raw, path }: WastedPath): string {
  const whole = raw ?? asValue(path)
  return whole.slice(0, whole.lastIndexOf('/')) || '/'
}

function whyText({ why, by, sameContent }: WastedPath, layers: readonly LayerInfo[]): string {
  const words = `${REASONS[why]} ${layers[by]?.label}`
  return sameContent ? `${words}, which has the same content` : words
}

function Duplicates({
  duplicates,
  bytes,
}: {
  readonly duplicates: readonly Duplicate[] | null
  readonly bytes: number | null
}) {
  const [isAsked, setAsked] = useState(false)
  if (duplicates === null || bytes === null)
    return (
      <button
        type="button"
        disabled={isAsked}
        onClick={() => {
          setAsked(true)
          void ask('hash').catch(() => setAsked(false))
        }}
      >
        {isAsked ? 'Reading files of equal size …' : 'Look for them (reads files of equal size)'}
      </button>
    )
  if (duplicates.length === 0) return <p class="quiet">None of 1 KiB or more.</p>
  return (
    <>
      <p>Hard links, or one file and symbolic links, would save {sizeText(bytes)}.</p>
      <ul class="cards">
        {duplicates.slice(0, 20).map((group) => (
          <li key={group.paths[0]}>
            <strong>{sizeText(group.bytes)}</strong>: {group.copies} times {sizeText(group.size)}
            <span class="facts">
              {group.paths.slice(0, 4).map((path) => (
                <a
                  key={path}
                  href={hrefOf('tree', {
                    file: asValue(path),
                    path: asValue(path.slice(0, path.lastIndexOf('/'))) || '/',
                  })}
                >
                  {path}
                </a>
              ))}
              {group.copies > 4 && `and ${group.copies - 4} more`}
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}
