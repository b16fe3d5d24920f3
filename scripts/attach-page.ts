/**
 * Writes the table of docs/attach.md from what a full run of the attach cases left in dist/attach: a row for each case,
 * a column for each program. It stands between two marks; the rest of the page is written by people.
 *
 * Usage: scripts/test-attach.sh --page
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Outcome {
  readonly family: string
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'skip'
  readonly reason?: string
}

export interface Result {
  readonly column: string
  readonly outcomes: readonly Outcome[]
}

const MARKS = { pass: '✓', fail: '✗', skip: '–' } as const
const BEGIN = '<!-- results: written by scripts/attach-page.ts -->'
const END = '<!-- end of results -->'
const COLUMNS = ['stratafs', 'fuse-overlayfs']

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

function cell(outcome: Outcome | undefined): string {
  if (outcome === undefined) return ''
  return outcome.outcome === 'skip' ? `– ${outcome.reason ?? ''}` : MARKS[outcome.outcome]
}

function counts({ column, outcomes }: Result): string {
  const count = (wanted: Outcome['outcome']) => outcomes.filter(({ outcome }) => outcome === wanted).length
  return `${column}: ${count('pass')} of ${count('pass') + count('fail')}`
}

/** The table, with the families as rows of their own. Pure. */
export function table(results: readonly Result[]): string {
  const [first] = results
  const lines = [`${results.map(counts).join(' · ')}. ✓ passes, ✗ fails, – not asked.`, '']
  let family = ''
  for (const one of first?.outcomes ?? []) {
    if (one.family !== family) {
      if (family !== '') lines.push('')
      family = one.family
      lines.push(row([family, ...results.map(({ column }) => column)]), `|${'---|'.repeat(results.length + 1)}`)
    }
    const same = (other: Outcome) => other.family === one.family && other.name === one.name
    lines.push(row([one.name, ...results.map(({ outcomes }) => cell(outcomes.find(same)))]))
  }
  return lines.join('\n')
}

/** `page` with `text` between the marks. Throws where they are missing. */
export function withResults(page: string, text: string): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error(`docs/attach.md has no place for the results: ${BEGIN} … ${END}`)
  return `${page.slice(0, from + BEGIN.length)}\n\n${text}\n\n${page.slice(to)}`
}

function main(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const path = join(root, 'docs/attach.md')
  const results = COLUMNS.map(
    (column) => JSON.parse(readFileSync(join(root, 'dist/attach', `${column}.json`), 'utf8')) as Result,
  )
  writeFileSync(path, withResults(readFileSync(path, 'utf8'), table(results)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
