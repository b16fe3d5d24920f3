/** Where the checkout lies that a compiled script or test belongs to. */
import { dirname, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the checkout that this file was compiled in. */
export function checkoutRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.slice(0, here.lastIndexOf(`${sep}dist${sep}`))
}
