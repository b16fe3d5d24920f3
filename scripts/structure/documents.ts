/**
 * What documents say of the checkout is there: every file of it that they name exists, and every page of docs/decisions
 * begins with the decision in force, in ten lines at most.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { trackedFiles } from './places.js'

/** Lines of a decision, its list included. */
const LONGEST_DECISION = 10

/** All that is wrong with the documents of the checkout at `root`, one line each. */
export function checkDocuments(root: string): string[] {
  const files = trackedFiles(root)
  const known = namesOf(files)
  const faults: string[] = []
  for (const file of files.filter((path) => path.endsWith('.md') && path !== 'CHANGELOG.md')) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const name of missingFiles(text, known)) faults.push(`${file}: names ${name}, which is not there`)
    for (const link of links(text)) {
      if (!existsSync(join(root, dirname(file), link))) faults.push(`${file}: links to ${link}, which is not there`)
    }
    if (dirname(file) === 'docs/decisions') faults.push(...decisionFaults(file, text))
  }
  return faults
}

/** What a document may call these files: their paths, the same without `src/`, and the name alone. */
export function namesOf(files: readonly string[]): Set<string> {
  const names = new Set<string>()
  for (const file of files) {
    for (let path = file; ; path = path.slice(path.indexOf('/') + 1)) {
      names.add(path)
      if (!path.includes('/')) break
    }
  }
  return names
}

/**
 * Sources that `text` names and `known` has not. Folders, patterns (`*`), what the build makes and the kernel's sources
 * (`fs/…`) are not looked at.
 */
export function missingFiles(text: string, known: ReadonlySet<string>): string[] {
  const named = text.matchAll(/(?<![\w/.*-])(?!fs\/)(?:[\w-]+\/)*[\w-]+(?:\.test)?\.(?:c?ts|sh|cc|h)(?![\w/-])/g)
  const missing = [...named].map(([name]) => name).filter((name) => !known.has(name) && !known.has(`src/${name}`))
  return [...new Set(missing)]
}

/** Relative targets of the links in `text`, without their anchors. */
function links(text: string): string[] {
  return [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!)
}

/** What is wrong with the beginning of the decision page `file`. */
export function decisionFaults(file: string, text: string): string[] {
  const [title = '', ...rest] = text.split('\n')
  const number = Number(basename(file).slice(0, 4))
  const faults = title.startsWith(`# ${number}. `) ? [] : [`${file}: its title does not begin with "# ${number}. "`]
  const body = rest.join('\n').trimStart()
  if (!body.startsWith('**Decided.**')) return [...faults, `${file}: does not begin with the decision (**Decided.**)`]
  const end = body.slice(1).search(/\n(?:\*\*|#)/)
  const lines = (end < 0 ? body : body.slice(0, end + 1)).trim().split('\n').length
  if (lines <= LONGEST_DECISION) return faults
  return [...faults, `${file}: the decision has ${lines} lines, ${LONGEST_DECISION} at most; the rest goes below`]
}
