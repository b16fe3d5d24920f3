/**
 * `--lower NAME=DIR`: a name that the layer is told by. A directory with `=` in its own name is written `./a=b`. Pure.
 */

interface NamedLayer {
  /** `''`: none was given. */
  readonly name: string
  readonly path: string
}

/** Both parts of what `--lower` was given. */
export function splitNamed(given: string): NamedLayer {
  const [, name, path] = /^([A-Za-z0-9][\w.-]*)=(.+)$/s.exec(given) ?? []
  return name === undefined || path === undefined ? { name: '', path: given } : { name, path }
}
