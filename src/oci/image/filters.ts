/** `image list --filter`, as `docker images --filter` has it: which images of a layout are listed. Pure. */
import { StratafsError } from '../../base/failure.js'
import type { ListedImage } from './listing.js'

/** An image as filters see it. */
type Filtered = Pick<ListedImage, 'created' | 'labels' | 'tag' | 'repository' | 'shortTag' | 'id' | 'manifest'>

type Wanted = (image: Filtered, all: readonly Filtered[]) => boolean
const KEYS: Readonly<Record<string, (value: string) => Wanted>> = {
  dangling: (value) => {
    if (!/^(true|false|1|0)$/.test(value)) throw wrong(`dangling=${value}`, 'give true or false')
    const wanted = value === 'true' || value === '1'
    return ({ tag }) => (tag === null) === wanted
  },
  label: (value) => {
    const [, name, wanted] = /^([^=]+)(?:=(.*))?$/s.exec(value) ?? [undefined, value]
    return ({ labels }) => Object.hasOwn(labels, name!) && (wanted === undefined || labels[name!] === wanted)
  },
  before: (value) => (image, all) => timeOf(image) < timeOf(named(value, all)),
  since: (value) => (image, all) => timeOf(image) > timeOf(named(value, all)),
  until: (value) => {
    const until = moment(value)
    return (image) => timeOf(image) < until
  },
  reference: (value) => {
    const pattern = globOf(value)
    return ({ repository, shortTag, tag }) =>
      [repository, tag, `${repository}:${shortTag}`].some((name) => name !== null && pattern.test(name))
  },
}

/** What filters may be about. */
const FILTERS = Object.keys(KEYS)

/**
 * Those of `images` that all `filters` (`KEY=VALUE`) let through. Of one key several values are alternatives, but for
 * labels, all of which have to be there. Throws StratafsError.
 */
export function filtered<T extends Filtered>(images: readonly T[], filters: readonly string[]): T[] {
  const wanted = grouped(filters)
  return images.filter((image) =>
    [...wanted].every(([key, tests]) =>
      key === 'label' ? tests.every((test) => test(image, images)) : tests.some((test) => test(image, images)),
    ),
  )
}

function grouped(filters: readonly string[]): Map<string, Wanted[]> {
  const groups = new Map<string, Wanted[]>()
  for (const filter of filters) {
    const [, key, value] = /^([a-z]+)=(.+)$/s.exec(filter) ?? []
    const make = key !== undefined && Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
    if (make === undefined || value === undefined) throw wrong(filter, `give ${FILTERS.join('=…, ')}=…`)
    groups.set(key!, [...(groups.get(key!) ?? []), make(value)])
  }
  return groups
}

function wrong(filter: string, words: string): StratafsError {
  return new StratafsError(`--filter ${filter}: ${words}`, 'INVALID_ARGUMENT')
}

function timeOf({ created }: Pick<Filtered, 'created'>): number {
  return created === null ? 0 : Date.parse(created) || 0
}

/** The image that a filter compares with: by tag, digest, or the beginning of its id. */
function named(value: string, all: readonly Filtered[]): Filtered {
  const isMeant = ({ tag, repository, shortTag, manifest, id }: Filtered) =>
    [tag, shortTag, `${repository}:${shortTag}`, manifest, id].includes(value) ||
    (/^[0-9a-f]{4,}$/.test(value) && id?.startsWith(`sha256:${value}`) === true)
  const found = all.find(isMeant)
  if (found !== undefined) return found
  throw new StratafsError(`--filter: there is no image ${value}: name a tag, or the beginning of an id`, 'NOT_FOUND')
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** A time, or how long ago: `2024-01-31`, `36h`, `1h30m`. */
function moment(value: string): number {
  if (/^(\d+[smhd])+$/.test(value)) {
    const seconds = [...value.matchAll(/(\d+)([smhd])/g)].map(([, count, unit]) => Number(count) * UNITS[unit as 's'])
    return Date.now() - seconds.reduce((sum, each) => sum + each, 0) * 1000
  }
  const time = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value)
  if (Number.isNaN(time))
    throw wrong(`until=${value}`, 'give a time such as 2024-01-31T12:00:00Z, or an age such as 36h')
  return time
}

const WILD: Readonly<Record<string, string>> = { '*': '[^/]*', '?': '[^/]' }

/** A pattern as shells have it; `*` stops at `/`. */
function globOf(pattern: string): RegExp {
  const source = pattern.replace(/[.+^${}()|\\*?]/g, (letter) => WILD[letter] ?? `\\${letter}`)
  try {
    return new RegExp(`^${source.replaceAll('[!', '[^')}$`)
  } catch {
    throw wrong(`reference=${pattern}`, 'give a pattern such as app* or */app:1.*')
  }
}
