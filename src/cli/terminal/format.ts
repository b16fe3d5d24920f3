/**
 * `--format`: one value out of a JSON document, named as `docker inspect` and `podman inspect` users write it
 * (`{{.GraphDriver.Data.UpperDir}}`, `{{json .GraphDriver}}`, with text around), or as a plain path
 * (`GraphDriver.Data.UpperDir`, `Options[0]`). Only paths: no functions but `json`, no conditions. Pure.
 */

/** The text for `document`, or why the format cannot be followed. */
export function formatDocument(format: string, document: unknown): string | { error: string } {
  if (!format.includes('{{')) return one(format, document, false)
  let error: string | null = null
  const text = format.replace(/\{\{(.*?)\}\}/gs, (_whole, inside: string) => {
    const words = inside.trim().split(/\s+/)
    const asJson = words[0] === 'json' && words.length <= 2
    const result =
      words.length === 1 || asJson ? one(asJson ? (words[1] ?? '.') : words[0], document, asJson) : unclear(inside)
    if (typeof result === 'string') return result
    error ??= result.error
    return ''
  })
  return error === null ? text : { error }
}

function unclear(inside: string): { error: string } {
  return { error: `--format: {{${inside}}} is not a path such as {{.GraphDriver.Data.UpperDir}}` }
}

function one(path: string, document: unknown, asJson: boolean): string | { error: string } {
  const steps = pathSteps(path)
  if (steps === null) return unclear(path)
  let value = document
  for (const [depth, step] of steps.entries()) {
    const next = member(value, step)
    if (next === undefined) return { error: `--format: no ${step} in ${describe(steps.slice(0, depth), value)}` }
    value = next
  }
  return asJson || typeof value !== 'string' ? JSON.stringify(value) : value
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

function member(value: unknown, step: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
  return (value as Record<string, unknown>)[step]
}

function describe(steps: string[], value: unknown): string {
  const where = steps.length === 0 ? 'the document' : steps.join('.')
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  return keys.length === 0 ? where : `${where}, which has ${keys.join(', ')}`
}
