/**
 * Exports that nobody imports: they make a file look as if others depended on it. src/index.ts is the library's
 * contract.
 */
import { type Source, targetOf } from './sources.js'

/**
 * Names that a file exports and no other file takes, one line each. `files`: path to source, the tests and scripts too.
 */
export function findDeadExports(root: string, files: ReadonlyMap<string, Source>): string[] {
  const used = new Map<string, Set<string>>()
  for (const [file, { imports }] of files) {
    for (const { specifier, names } of imports) {
      const target = targetOf(root, file, specifier)
      const taken = used.get(target) ?? new Set()
      for (const name of names) taken.add(name)
      used.set(target, taken)
    }
  }
  const inText = new Set([...files.values()].flatMap(({ namesInText }) => namesInText))
  const faults: string[] = []
  for (const [file, { exports }] of files) {
    const taken = used.get(file)
    if (file === 'src/index.ts' || taken?.has('*')) continue
    for (const name of exports)
      if (!taken?.has(name) && !inText.has(name)) faults.push(`${file}: exports ${name}, which no other file imports`)
  }
  return faults
}
