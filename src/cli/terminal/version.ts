/** `--version`: a few lines that say what this is and what it can be used as. */
import { readFileSync } from 'node:fs'
import { FUSE_KERNEL_MINOR_VERSION, FUSE_KERNEL_VERSION } from '../../protocol/opcodes.js'

/** The package's version. */
export function packageVersion(): string {
  const url = new URL('../../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
}

export function versionText(): string {
  return [
    `stratafs ${packageVersion()}`,
    'fuse-overlayfs: options compatible',
    `FUSE protocol ${FUSE_KERNEL_VERSION}.${FUSE_KERNEL_MINOR_VERSION}`,
    `node ${process.versions.node}`,
    '',
  ].join('\n')
}
