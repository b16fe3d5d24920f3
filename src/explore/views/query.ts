/** What a view is asked: `tree?path=/usr&layer=2`. The same words stand in a link, in `--view`, and in a request. */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'

/** Rows of a page, where nobody says how many; and at most. */
const PAGE = 200
const MOST = 2_000

export class Query {
  private constructor(
    readonly view: string,
    private readonly words: ReadonlyMap<string, string>,
  ) {}

  /** Reads `VIEW?KEY=VALUE&…`; values are percent-encoded bytes. */
  static parse(text: string): Query {
    const [view = '', rest = ''] = text.split(/\?(.*)/s)
    const words = new Map<string, string>()
    for (const part of rest.split('&').filter((each) => each !== '')) {
      const [key = '', value = ''] = part.split(/=(.*)/s)
      words.set(decoded(key), decoded(value))
    }
    return new Query(view.replace(/^\/+/, ''), words)
  }

  /** The value's bytes as latin1; null where it is not given or empty. */
  get(key: string): string | null {
    return this.words.get(key) || null
  }

  text(key: string): string | null {
    const value = this.get(key)
    return value === null ? null : shown(value)
  }

  flag(key: string): boolean {
    const value = this.get(key)
    return value !== null && value !== '0' && value !== 'false'
  }

  /** A whole number in [least, most]. Throws StratafsError. */
  number(key: string, otherwise: number, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.get(key)
    if (value === null) return otherwise
    const number = Number(value)
    if (/^-?\d+$/.test(value) && number >= least && number <= most) return number
    throw new StratafsError(`${key}=${shown(value)}: give a number from ${least} to ${most}`, 'INVALID_ARGUMENT')
  }

  /** The path below the root, latin1, without a slash at either end. */
  get path(): string {
    const parts = (this.get('path') ?? '').split('/').filter((part) => part !== '' && part !== '.')
    if (parts.includes('..')) throw new StratafsError('path: it leads out of the layers (..)', 'INVALID_ARGUMENT')
    return parts.join('/')
  }

  get offset(): number {
    return this.number('offset', 0)
  }

  get limit(): number {
    return this.number('limit', PAGE, 1, MOST)
  }

  /** The words but those of a page, in one order. */
  get key(): string {
    const words = [...this.words].filter(([key]) => key !== 'offset' && key !== 'limit')
    return [this.view, ...words.map(([key, value]) => `${key}=${value}`).sort()].join('&')
  }
}

/** Percent-encoded bytes as latin1. What is no escape stays as it is. */
function decoded(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  return bytes.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** A name (latin1) as bytes, percent-encoded. */
export function encoded(name: string): string {
  return name.replace(/[^A-Za-z0-9._~/-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
