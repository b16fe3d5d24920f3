/** Files and folders of src stay readable: a file has 300 lines at most, a folder 20 files of its own. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sourceFiles } from './sources.js'

const LONGEST = 300
const FULLEST = 20

/** Files of src at `root` that are too long and folders that are too full, one line each. */
export function checkSizes(root: string): string[] {
  const lines = (file: string): number => readFileSync(join(root, file), 'utf8').split('\n').length - 1
  return sizeFaults(new Map(sourceFiles(root, 'src').map((file) => [file, lines(file)])))
}

/** The same of files by path, with the number of their lines. */
export function sizeFaults(files: ReadonlyMap<string, number>): string[] {
  const own = new Map<string, number>()
  for (const file of files.keys()) own.set(dirname(file), (own.get(dirname(file)) ?? 0) + 1)
  const long = [...files].filter(([, lines]) => lines > LONGEST)
  const full = [...own].filter(([, count]) => count > FULLEST)
  return [
    ...long.map(([file, lines]) => `${file}: ${lines} lines, ${LONGEST} at most`),
    ...full.map(([folder, count]) => `${folder}/: ${count} files of its own, ${FULLEST} at most`),
  ]
}
