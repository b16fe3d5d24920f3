/**
 * Taking mount option strings apart. Three writers have to be understood: mount(8) and the kernel (a value in double
 * quotes may hold commas), kernel overlayfs (a backslash takes the next character as it is: `\:` `\,` `\\`), and
 * runtimes, which leave empty items and trailing commas behind. Names stay latin1 strings. Pure.
 */

export interface OptionItem {
  readonly name: string
  /** As written, still with its backslashes; null where the item has no `=`. */
  readonly value: string | null
}

/** The items of `a,b=c,…`; empty ones are dropped. */
export function splitOptions(text: string): OptionItem[] {
  const items: OptionItem[] = []
  for (const raw of splitAtCommas(text)) {
    if (raw === '') continue
    const equals = raw.indexOf('=')
    if (equals < 0) items.push({ name: raw, value: null })
    else items.push({ name: raw.slice(0, equals), value: unquote(raw.slice(equals + 1)) })
  }
  return items
}

/** Commas separate, but for escaped ones and those inside a value that begins with a double quote. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = []
  let from = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '\\') at++
    else if (char === '"') quoted = quoted ? false : text[at - 1] === '=' && text.indexOf('"', at + 1) > 0
    else if (char === ',' && !quoted) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

/** The directories of a lowerdir value, unescaped. Empty ones are kept, for the caller to judge. */
export function splitLowers(value: string): string[] {
  const lowers: string[] = []
  let current = ''
  for (let at = 0; at < value.length; at++) {
    const char = value[at]
    if (char === '\\' && at + 1 < value.length) current += value[++at]
    else if (char === ':') {
      lowers.push(current)
      current = ''
    } else current += char
  }
  lowers.push(current)
  return lowers
}

/** The layers of a lowerdir value: `A:B` are merged, and each after `::` holds content only. */
export interface SplitLowers {
  readonly lowers: string[]
  readonly data: string[]
}

/** As the kernel splits it, but that empty paths at either end are kept for the caller; words when refused. */
export function splitDataLowers(value: string): SplitLowers | string {
  const lowers: string[] = []
  const data: string[] = []
  const written = splitLowers(value)
  const last = written.findLastIndex((path) => path !== '')
  for (const [at, path] of written.entries()) {
    const isData = at > 1 && written[at - 1] === '' && at <= last
    if (path === '' && at > 0 && at < last) {
      if (written[at - 1] === '') return 'has more than two colons in a row: write A:B for layers, A::D for data-only'
    } else if (isData) data.push(path)
    else if (data.length > 0 && path !== '') return 'has a layer after a data-only one: write A:B::D, data-only last'
    else lowers.push(path)
  }
  return { lowers, data }
}

/** `\x` becomes `x`; a backslash at the very end stays. As ovl_unescape(). */
export function unescapePath(value: string): string {
  return value.replace(/\\(.)/gs, '$1')
}

/** The other way round: a path as it may stand in a lowerdir, upperdir or workdir value. */
export function escapePath(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&')
}
