/** What directories are called by their paths alone. */

/** The last components of each path, as few as tell it from all others. Pure. */
export function shortestEnds(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split('/').filter(Boolean))
  const end = (at: number, count: number) => parts[at]!.slice(-count).join('/')
  return paths.map((path, at) => {
    for (let count = 1; count <= parts[at]!.length; count++) {
      const own = end(at, count)
      if (parts.every((_, other) => paths[other] === path || end(other, count) !== own)) return own
    }
    return path
  })
}
