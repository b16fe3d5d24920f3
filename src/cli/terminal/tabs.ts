/** Lines whose cells are parted by tabs, as columns: each as wide as its widest cell, as docker's tables are. Pure. */

/** Of docker's: no column is narrower, and so much is between two. */
const LEAST = 10
const GAP = 3

/** `lines` with blanks in place of tabs. */
export function tabbed(lines: readonly string[]): string {
  const rows = lines.flatMap((line) => line.split('\n')).map((line) => line.split('\t'))
  const widths: number[] = []
  // What stands last in a line makes no column wider.
  for (const cells of rows)
    for (const [at, cell] of cells.slice(0, -1).entries())
      widths[at] = Math.max(widths[at] ?? LEAST, [...cell].length + GAP)
  return rows.map((cells) => lineOf(cells, widths)).join('\n')
}

function lineOf(cells: readonly string[], widths: readonly number[]): string {
  const filled = cells.slice(0, -1).map((cell, at) => cell + ' '.repeat(widths[at]! - [...cell].length))
  return filled.join('') + cells.at(-1)!
}
