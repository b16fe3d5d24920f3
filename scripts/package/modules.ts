/** Which packages of node_modules running needs. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Their folders below `root`, at the top of node_modules; what lies inside one comes with it. */
export function runtimeModules(root: string): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>
  }
  const isTop = (path: string) => path.lastIndexOf('node_modules/') === 0
  return Object.keys(packages).filter(
    (path) => isTop(path) && packages[path]?.dev !== true && existsSync(join(root, path)),
  )
}
