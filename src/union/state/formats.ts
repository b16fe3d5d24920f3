/**
 * The formats that the state has had, and how one becomes another. A process of one version takes over from one of
 * another where a way leads from format to format, in either direction; where none does, that is said before anything
 * stops.
 *
 * 1 · the first
 * 2 · with what `stratafs limit` has said (`limit` in memory.ts)
 * 3 · of mounts that have snapshots, are put on other layers, or copy large files up beside all else
 */
import { hasSnapshots as mayHaveSnapshots } from '../../snapshots/records.js'
import { STATE_FORMAT, type StateMemory, Word } from './memory.js'

interface Conversion {
  readonly from: number
  readonly to: number
  /** Why it cannot be made of this state, in words; null: it can. */
  obstacle(memory: StateMemory): string | null
  /** Nobody writes to it meanwhile, or what is written does not differ. Made twice it does no harm. */
  convert(memory: StateMemory): void
}

const conversions: readonly Conversion[] = [
  {
    from: 1,
    to: 2,
    obstacle: () => null,
    convert: (memory) => {
      memory.words[Word.LIMIT] = 0
    },
  },
  {
    from: 2,
    to: 1,
    obstacle: (memory) =>
      memory.limit !== null || hasLimit(memory)
        ? 'it has a limit (size, inodes), which that version does not keep'
        : null,
    convert: () => {},
  },
  {
    from: 2,
    to: 3,
    obstacle: () => null,
    convert: ({ words }) => words.fill(0, Word.VOID, Word.SHADOWS + 1),
  },
  {
    from: 3,
    to: 2,
    obstacle: (memory) => {
      if (memory.words[Word.VOID] !== 0 || hasSnapshots(memory)) return `it has snapshots, ${NOT_KEPT}`
      return memory.words[Word.OTHER_LENGTH] === 0 ? null : `its layers were changed, ${NOT_KEPT}`
    },
    convert: () => {},
  },
]

const NOT_KEPT = 'which that version does not keep'

function hasSnapshots(memory: StateMemory): boolean {
  const { plan } = JSON.parse(memory.text) as { readonly plan?: { readonly config?: { readonly work?: unknown } } }
  const work = plan?.config?.work
  return typeof work === 'string' && mayHaveSnapshots(work)
}

function hasLimit(memory: StateMemory): boolean {
  const { plan } = JSON.parse(memory.text) as { readonly plan?: { readonly config?: { readonly limit?: unknown } } }
  return Boolean(plan?.config?.limit)
}

/** The conversions that lead from one format to another, one after the other; null: there is no way. */
function wayTo(from: number, to: number): readonly Conversion[] | null {
  const way: Conversion[] = []
  for (let at = from; at !== to; at += Math.sign(to - from)) {
    const next = conversions.find((one) => one.from === at && one.to === at + Math.sign(to - from))
    if (next === undefined) return null
    way.push(next)
  }
  return way
}

/** Formats that this version can make its own, newest first. */
export function convertibleFormats(): readonly number[] {
  const all = new Set(conversions.map(({ from }) => from).filter((from) => from < STATE_FORMAT))
  return [...all].filter((from) => wayTo(from, STATE_FORMAT) !== null).sort((a, b) => b - a)
}

/** Why `memory` cannot have format `to`, in words; null: it can. */
export function formatObstacle(memory: StateMemory, to: number): string | null {
  const { format } = memory
  if (format === null) return 'its state was never written'
  const way = wayTo(format, to)
  if (way === null) return `its state has format ${format}, and format ${to} is wanted`
  return way.map((one) => one.obstacle(memory)).find((why) => why !== null) ?? null
}

/** Gives `memory` that format; or says why not, and it is as it was. */
export function convertState(memory: StateMemory, to: number): string | null {
  const why = formatObstacle(memory, to)
  if (why !== null) return why
  for (const one of wayTo(memory.format!, to)!) {
    one.convert(memory)
    memory.words[Word.FORMAT] = one.to
  }
  return null
}
