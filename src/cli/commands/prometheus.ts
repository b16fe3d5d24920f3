/**
 * The counters of mounts in Prometheus' text format (version 0.0.4): one family each, a sample for each mount. Pure.
 */

interface MountCounters {
  readonly mountpoint: string
  readonly counters: Readonly<Record<string, unknown>>
}

/** What stands for a moment; everything else only grows. */
const GAUGES = /^(nodes|directories|listings|ghosts|passedThrough|memory_.*|index_.*)$/

interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The text. `stratafs_up` is 1 for every mount that told its counters. */
export function prometheusText(mounts: readonly MountCounters[]): string {
  const families = new Map<string, Sample[]>()
  const add = (name: string, sample: Sample) => families.set(name, [...(families.get(name) ?? []), sample])
  for (const { mountpoint, counters } of mounts) {
    add('stratafs_up', { labels: { mountpoint }, value: 1 })
    const { byKind, ...others } = counters
    for (const [name, value] of numbersIn('', others)) {
      add(familyOf(name), { labels: { mountpoint }, value })
    }
    for (const [opcode, counts] of Object.entries((byKind ?? {}) as Record<string, Record<string, number>>)) {
      for (const [name, value] of Object.entries(counts)) {
        add(`stratafs_opcode_${snake(name)}_total`, { labels: { mountpoint, opcode }, value })
      }
    }
  }
  return [...families].map(([name, samples]) => familyText(name, samples)).join('')
}

function numbersIn(prefix: string, value: Readonly<Record<string, unknown>>): [name: string, value: number][] {
  return Object.entries(value).flatMap(([name, inner]) => {
    if (typeof inner === 'number' && Number.isFinite(inner)) return [[prefix + name, inner] as [string, number]]
    if (typeof inner === 'boolean') return [[prefix + name, Number(inner)] as [string, number]]
    if (typeof inner !== 'object' || inner === null) return []
    return numbersIn(`${prefix}${name}_`, inner as Record<string, unknown>)
  })
}

function familyOf(name: string): string {
  return `stratafs_${snake(name)}${GAUGES.test(name) ? '' : '_total'}`
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/\W/g, '_')
}

function familyText(name: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => {
    const words = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `${name}{${words.join(',')}} ${value}\n`
  })
  return `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n${lines.join('')}`
}

function escaped(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
