/**
 * The nearest known word to one that is not known, for error messages: the smallest number of letters to insert,
 * drop, replace or swap. A word too far from every other gets no suggestion, because a wild one misleads.
 */

/** The closest of `known` to `word`, or null when nothing is close. */
export function nearest(word: string, known: Iterable<string>): string | null {
  let best: string | null = null
  let bound = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word, candidate)
    if (distance >= bound) continue
    best = candidate
    bound = distance
  }
  return best
}

/** Edits between two words; swapping two neighbours counts as one. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1)
    }
    before = above
    above = row
  }
  return above[b.length]!
}
