/** One path down its layers, and any two of its versions beside each other. */
import { useState } from 'preact/hooks'
import type { FileView, LayerInfo, Overview, Version } from '../views/types.js'
import { Compare, Content } from './compare.js'
import { useAnswer } from './parts/api.js'
import { LayerChip, Waiting } from './parts/parts.js'
import { asText, go, hrefOf, type Route } from './parts/route.js'
import { modeLetters, REASONS, sizeText, timeText } from './parts/words.js'

interface PaneProperties {
  readonly route: Route
  readonly overview: Overview
  /** As routes have it. */
  readonly path: string
}

export function FilePane({ route, overview, path }: PaneProperties) {
  const { value, error } = useAnswer<FileView>(`file?path=${path}`, overview.version)
  const { words } = route
  const close = () => go('tree', { ...words, file: '', a: '', b: '' })
  return (
    <aside class="pane" aria-label={`Versions of ${asText(path)}`}>
      <div class="pane-head">
        <h2>{asText(path)}</h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      {value === null ? (
        <Waiting error={error} />
      ) : (
        <Versions route={route} versions={value.versions} layers={overview.layers} path={path} />
      )}
    </aside>
  )
}

interface VersionsProperties {
  readonly route: Route
  readonly versions: readonly Version[]
  readonly layers: readonly LayerInfo[]
  readonly path: string
}

function Versions({ route: { words }, versions, layers, path }: VersionsProperties) {
  const files = versions.filter(({ kind }) => kind === 'file' || kind === 'link')
  const [a, b] = [chosen(files, words.a, 1), chosen(files, words.b, 0)]
  return (
    <>
      <ol class="versions">
        {versions.map((version) => (
          <VersionItem key={version.layer} version={version} layers={layers} path={path} words={words} />
        ))}
      </ol>
      {a !== null && b !== null && a !== b && (
        <>
          <Choice files={files} words={words} a={a.layer} b={b.layer} />
          <Compare path={path} older={a} newer={b} />
        </>
      )}
      {files.length === 1 && <Content path={path} version={files[0]!} />}
    </>
  )
}

function chosen(files: readonly Version[], word: string | undefined, otherwise: number): Version | null {
  return files.find(({ layer }) => String(layer) === word) ?? files[otherwise] ?? files[0] ?? null
}

interface ItemProperties {
  readonly version: Version
  readonly layers: readonly LayerInfo[]
  readonly path: string
  readonly words: Route['words']
}

function VersionItem({ version, layers, path, words }: ItemProperties) {
  const layer = layers[version.layer]!
  const { kind, mode, size, mtime, ghost, whiteout, opaque, link, shows } = version
  const facts = [
    modeLetters(kind, mode),
    `${version.uid}:${version.gid}`,
    ...(kind === 'file' ? [sizeText(size)] : []),
    timeText(mtime),
    ...(link === null ? [] : [`→ ${link}`]),
    ...(opaque ? ['opaque: hides what lies below'] : []),
    ...Object.entries(version.xattrs).map(([name, value]) => `${name}=${value}`),
  ]
  return (
    <li class={ghost === null ? '' : 'ghost'}>
      <LayerChip layer={layer} whole />
      <span class="state">
        {kind === 'whiteout' && 'deletes it'}
        {kind !== 'whiteout' && ghost === null && (shows ? 'shows' : 'is there')}
        {ghost !== null && `${REASONS[ghost.why]} ${layers[ghost.by]?.label}`}
        {whiteout && kind !== 'whiteout' && ', replaces what lies below'}
      </span>
      {kind !== 'whiteout' && <span class="facts">{facts.filter(Boolean).join(' · ')}</span>}
      <span class="facts">
        {layer.command}
        {kind === 'file' && (
          <>
            {' '}
            <a href={`/api/content?path=${path}&layer=${version.layer}&download=1`}>Save</a>
          </>
        )}{' '}
        <a href={hrefOf('tree', { ...words, layer: String(version.layer), file: path })}>Up to this layer</a>
      </span>
    </li>
  )
}

interface ChoiceProperties {
  readonly files: readonly Version[]
  readonly words: Route['words']
  readonly a: number
  readonly b: number
}

function Choice({ files, words, a, b }: ChoiceProperties) {
  const [first, setFirst] = useState(String(a))
  const select = (key: 'a' | 'b', value: string, name: string) => (
    <label>
      {name}
      <select
        value={value}
        onChange={(event) => {
          if (key === 'a') setFirst(event.currentTarget.value)
          go(
            'tree',
            {
              ...words,
              a: key === 'a' ? event.currentTarget.value : first,
              b: key === 'b' ? event.currentTarget.value : String(b),
            },
            true,
          )
        }}
      >
        {files.map(({ layer, label }) => (
          <option key={layer} value={String(layer)}>
            {label}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <div class="toolbar">
      {select('a', String(a), 'Compare')}
      {select('b', String(b), 'with')}
    </div>
  )
}
