/**
 * A small root in the lower layer in which dpkg runs: the host's own programs with their libraries, and two versions of
 * a package. Nothing is fetched.
 */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import type { WorkPlaces } from './places.js'

/** What dpkg wants in its PATH, and what the package's scripts call. */
const PROGRAMS = 'dpkg dpkg-deb dpkg-query dpkg-split tar sh rm diff ldconfig start-stop-daemon cat mkdir'.split(' ')
const FILES = 150

export function makeChroot({ root, lower }: WorkPlaces): void {
  for (const directory of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'etc', 'tmp', 'dev', 'debs', 'var/log'])
    fs.mkdirSync(join(lower, directory), { recursive: true })
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) fs.symlinkSync(`usr/${name}`, join(lower, name))
  const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  for (const name of PROGRAMS) {
    const path = fs.realpathSync(execFileSync('which', [name], { encoding: 'utf8', env }).trim())
    copy(path, join(lower, /sbin/.test(path) ? 'usr/sbin' : 'usr/bin', name))
    for (const library of librariesOf(path)) copy(library, join(lower, inUsr(library)))
  }
  execFileSync('mknod', ['-m', '666', join(lower, 'dev/null'), 'c', '1', '3'])
  for (const name of ['info', 'updates', 'triggers', 'alternatives', 'parts'])
    fs.mkdirSync(join(lower, 'var/lib/dpkg', name), { recursive: true })
  for (const name of ['status', 'available']) fs.writeFileSync(join(lower, 'var/lib/dpkg', name), '')
  for (const version of [1, 2]) makePackage(join(root, `package-${version}`), join(lower, 'debs'), version)
}

/** Debian's merged /usr: /lib/x is /usr/lib/x. */
const inUsr = (path: string): string => (path.startsWith('/usr') ? path : `/usr${path}`)

function librariesOf(program: string): string[] {
  const said = execFileSync('ldd', [program], { encoding: 'utf8' })
  return [...said.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!)
}

function copy(from: string, to: string): void {
  fs.mkdirSync(dirname(to), { recursive: true })
  fs.copyFileSync(from, to)
  fs.chmodSync(to, 0o755)
}

function makePackage(tree: string, debs: string, version: number): void {
  const write = (path: string, text: string, mode = 0o644) => {
    fs.mkdirSync(dirname(join(tree, path)), { recursive: true })
    fs.writeFileSync(join(tree, path), text, { mode })
  }
  write('etc/killed.conf', `version ${version}\n`)
  write('usr/share/killed/version', `${version}\n`)
  for (let i = version * 10; i < FILES; i++)
    write(`usr/share/killed/d${i % 9}/file${i}`, `${version} ${i}\n`.repeat(1 + i * 20))
  fs.linkSync(join(tree, 'usr/share/killed/version'), join(tree, 'usr/share/killed/linked'))
  fs.symlinkSync('version', join(tree, 'usr/share/killed/symbolic'))
  const sums = execFileSync('sh', ['-c', 'find usr -type f | sort | xargs md5sum'], { cwd: tree })
  write('DEBIAN/md5sums', String(sums))
  write('DEBIAN/conffiles', '/etc/killed.conf\n')
  const fields = {
    Package: 'killed',
    Version: version,
    Architecture: 'all',
    Maintainer: 'a <a@b>',
    Description: 'files',
  }
  write(
    'DEBIAN/control',
    Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join(''),
  )
  write('DEBIAN/postinst', '#!/bin/sh\nset -e\nmkdir -p /var/lib/killed\necho made > /var/lib/killed/made\n', 0o755)
  write('DEBIAN/postrm', '#!/bin/sh\nset -e\n[ "$1" != purge ] || rm -rf /var/lib/killed\n', 0o755)
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Zgzip', tree, join(debs, `kill-${version}.deb`)])
}
