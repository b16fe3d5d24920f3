/**
 * `--format`: what is printed of JSON documents, as Docker's users write it: a Go template
 * (`{{.GraphDriver.Data.UpperDir}}`, `{{range .Layers}}{{.Name}} {{end}}`), `json` for all of it, or a plain path
 * (`GraphDriver.Data.UpperDir`, `Options[0]`). Pure.
 */
import { TemplateError } from './template.js'
import { compileTemplate, member } from './template-run.js'

/** The text for `document`, or why the format cannot be followed. */
export function formatDocument(format: string, document: unknown): string | { error: string } {
  try {
    if (format === 'json') return JSON.stringify(document)
    return /\{\{|\}\}/.test(format) ? compileTemplate(format)(document) : one(format, document)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return { error: `--format: ${error.message}` }
  }
}

/** Why `format` cannot be read, whatever it is about; null when it can. */
export function formatFault(format: string): string | null {
  try {
    if (/\{\{|\}\}/.test(format)) compileTemplate(format)
    else if (pathSteps(format) === null) throw notPath(format)
    return null
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return `--format: ${error.message}`
  }
}

function notPath(path: string): TemplateError {
  return new TemplateError(`${path} is not a path such as {{.GraphDriver.Data.UpperDir}}`)
}

function one(path: string, document: unknown): string {
  const steps = pathSteps(path)
  if (steps === null) throw notPath(path)
  let value = document
  for (const [depth, step] of steps.entries()) value = member(value, step, steps.slice(0, depth))
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `.A.B[0]` or `$.A.B[0]` or `A.B.0` as steps; null when it is no path. */
function pathSteps(path: string): string[] | null {
  const plain = path
    .replace(/^\$/, '')
    .replace(/^\./, '')
    .replace(/\[(\d+)\]/g, '.$1')
    .replace(/^\./, '')
  if (plain === '') return []
  const steps = plain.split('.')
  return steps.every((step) => /^[\w-]+$/.test(step)) ? steps : null
}
