/**
 * Debian packages of what is built, for amd64 and arm64, in dist/packages. They depend on Debian's nodejs, or
 * NodeSource's.
 *
 * Usage: node dist/scripts/package-deb.js [--host]     (--host: for this machine only, and without asking lintian)
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkoutRoot } from './checkout.js'
import { MACHINES, type Machine } from './package/cross-build.js'
import { type Identity, layOut } from './package/deb-tree.js'
import { makeBinaries, packagesFolder } from './package/targets.js'

const MAINTAINER = 'The stratafs authors <stratafs@users.noreply.github.com>'
/** What the binaries ask of the C and C++ libraries; `node scripts` say the same of Node in package.json. */
const DEPENDS = 'nodejs (>= 20.17), libc6 (>= 2.34), libgcc-s1 (>= 3.0), libstdc++6 (>= 11)'

const DESCRIPTION = `union filesystem: read-only layers and one writable directory
 stratafs merges layers, such as those of container images, into one
 directory, and keeps what is changed there in a directory of its own.
 It is a FUSE daemon that does what kernel overlayfs and fuse-overlayfs do
 and leaves the same thing on disk; ordinary users may mount, and podman,
 buildah, dockerd and mount(8) can be told to use it.`

/** Makes the package of `machine`; its path. */
function makePackage(root: string, machine: Machine, identity: Identity): string {
  const stage = mkdtempSync(join(tmpdir(), 'stratafs-deb-'))
  try {
    layOut(root, stage, machine, identity)
    mkdirSync(join(stage, 'DEBIAN'), { mode: 0o755 })
    writeFileSync(join(stage, 'DEBIAN/control'), control(stage, machine, identity))
    writeFileSync(join(stage, 'DEBIAN/md5sums'), checksums(stage))
    const path = join(packagesFolder(root), `stratafs_${identity.version}_${machine.debian}.deb`)
    execFileSync('chmod', ['755', stage])
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', stage, path], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    return path
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

function control(stage: string, { debian }: Machine, { version, maintainer }: Identity): string {
  const [size] = execFileSync('du', ['-sk', join(stage, 'usr')], { encoding: 'utf8' }).split('\t')
  return `Package: stratafs
Version: ${version}
Architecture: ${debian}
Maintainer: ${maintainer}
Installed-Size: ${size}
Depends: ${DEPENDS}
Recommends: fuse3
Suggests: attr, uidmap
Section: utils
Priority: optional
Homepage: https://www.npmjs.com/package/stratafs
Description: ${DESCRIPTION}
`
}

function checksums(stage: string): string {
  const paths = readdirSync(join(stage, 'usr'), { recursive: true, encoding: 'utf8' })
    .map((path) => `usr/${path}`)
    .sort()
  const files = paths.filter((path) => lstatSync(join(stage, path)).isFile())
  return files
    .map(
      (path) =>
        `${createHash('md5')
          .update(readFileSync(join(stage, path)))
          .digest('hex')}  ${path}\n`,
    )
    .join('')
}

async function main(root: string): Promise<number> {
  if (spawnSync('dpkg-deb', ['--version']).status !== 0) {
    console.error('package: no dpkg-deb here (apt-get install dpkg)')
    return 1
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const identity = { version, maintainer: MAINTAINER, date: statSync(join(root, 'CHANGELOG.md')).mtime }
  for (const machine of MACHINES.filter(({ arch }) => arch === process.arch || !process.argv.includes('--host'))) {
    const obstacle = await makeBinaries(root, machine)
    if (obstacle !== null) {
      console.error(`package: none for ${machine.debian}: ${obstacle}; --host leaves it out`)
      return 1
    }
    const path = makePackage(root, machine, identity)
    console.log(path)
    if (!process.argv.includes('--host') && !pleases(path)) return 1
  }
  return 0
}

/** Whether lintian finds no fault in the package, or is not installed. */
function pleases(path: string): boolean {
  const run = spawnSync('lintian', ['--allow-root', '--fail-on', 'error,warning', path], { stdio: 'inherit' })
  if (run.error !== undefined) console.error('package: lintian is not installed, and was not asked')
  return run.error !== undefined || run.status === 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(checkoutRoot())
