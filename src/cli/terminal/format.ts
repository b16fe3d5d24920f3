/**
 * `--format`: what is printed of JSON documents, as Docker's users write it: a Go template
 * (`{{.GraphDriver.Data.UpperDir}}`, `{{range .Layers}}{{.Name}} {{end}}`), `json` for all of it, `table TEMPLATE` with
 * a line of headers, or a plain path (`GraphDriver.Data.UpperDir`, `Options[0]`). Pure.
 */
import { compileTemplate } from '../template/run.js'
import { TemplateError } from '../template/tree.js'
import { member, plain } from '../template/values.js'
import { tabbed } from './tabs.js'

/** What is called otherwise in the line of headers, by field. */
type Headers = Readonly<Record<string, string>>

/** The text for `document`, or why the format cannot be followed. */
export function formatDocument(format: string, document: unknown): string | { error: string } {
  return attempt(() => {
    if (format === 'json') return JSON.stringify(document)
    if (isTable(format)) return tableOf(format, [document], {})
    return isTemplate(format) ? compileTemplate(format).of(document) : one(format, document)
  })
}

/** A line for each of `rows`, and of a table one of headers before them; or why the format cannot be followed. */
export function formatRows(
  format: string,
  rows: readonly unknown[],
  headers: Headers = {},
): string | { error: string } {
  return attempt(() => {
    if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    if (isTable(format)) return `${tableOf(format, rows, headers)}\n`
    const source = unescaped(format)
    if (!isTemplate(format)) return rows.map((row) => `${one(format, row)}\n`).join('')
    const template = compileTemplate(source)
    return rows.map((row) => `${template.of(row)}\n`).join('')
  })
}

/** Why `format` cannot be read, whatever it is about; null when it can. */
export function formatFault(format: string): string | null {
  const read = attempt(() => {
    if (isTable(format) || isTemplate(format)) compileTemplate(unescaped(format.replace(TABLE, '')))
    else if (pathSteps(format) === null) throw notPath(format)
    return ''
  })
  return typeof read === 'string' ? null : read.error
}

const TABLE = /^table(?=\s)/

function isTable(format: string): boolean {
  return TABLE.test(format)
}

function isTemplate(format: string): boolean {
  return /\{\{|\}\}/.test(format)
}

function attempt(work: () => string): string | { error: string } {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { error: `--format: ${error.message}` }
  }
}

/** As docker's lists read it: `\t` and `\n` stand for what shells cannot write, outside of braces. */
function unescaped(format: string): string {
  return format
    .split(/(\{\{.*?\}\})/s)
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll('\\t', '\t').replaceAll('\\n', '\n')))
    .join('')
}

function tableOf(format: string, rows: readonly unknown[], headers: Headers): string {
  const template = compileTemplate(unescaped(format.replace(TABLE, '')).replace(/^ +| +$/g, ''))
  return tabbed([template.headers(headers), ...rows.map((row) => template.of(row))])
}

function notPath(path: string): TemplateError {
  return new TemplateError(`${path} is not a path such as {{.GraphDriver.Data.UpperDir}}`)
}

function one(path: string, document: unknown): string {
  const steps = pathSteps(path)
  if (steps === null) throw notPath(path)
  let value = document
  for (const [depth, step] of steps.entries()) value = member(value, step, steps.slice(0, depth))
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value === null ? 'null' : plain(value)
}

/** `.A.B[0]` or `$.A.B[0]` or `A.B.0` as steps; null when it is no path. */
function pathSteps(path: string): string[] | null {
  const unrooted = path
    .replace(/^\$/, '')
    .replace(/^\./, '')
    .replace(/\[(\d+)\]/g, '.$1')
    .replace(/^\./, '')
  if (unrooted === '') return []
  const steps = unrooted.split('.')
  return steps.every((step) => /^[\w-]+$/.test(step)) ? steps : null
}
