/**
 * What a Debian package holds: the code below /usr/lib/stratafs, links to it under each name that it answers to, and
 * what Debian asks of every package. No maintainer script: installing changes nothing but the files that are listed
 * here.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Machine } from './cross-build.js'
import { runtimeModules } from './modules.js'

const HOME = 'usr/lib/stratafs'
/** Where mount(8) looks, and people. */
const LINKS = ['usr/bin/stratafs', 'usr/sbin/mount.fuse.stratafs', 'usr/sbin/mount.fuse3.stratafs']
const UNIT = 'stratafs@.service'
/** Where each shell looks for what completes a command's arguments. */
export const COMPLETIONS: readonly (readonly [shell: string, path: string])[] = [
  ['bash', 'usr/share/bash-completion/completions/stratafs'],
  ['zsh', 'usr/share/zsh/vendor-completions/_stratafs'],
  ['fish', 'usr/share/fish/vendor_completions.d/stratafs.fish'],
]
const NOT_NEEDED = /\.map$|\.d\.c?ts$|\.v\d+\.\d+\.\d+-\w+$/

/** What is said of the package in several places. */
export interface Identity {
  readonly version: string
  readonly maintainer: string
  /** Of the newest change; for the changelog. */
  readonly date: Date
}

/** Lays the package's files out below `stage`. */
export function layOut(root: string, stage: string, machine: Machine, identity: Identity): void {
  const home = join(stage, HOME)
  const isNeeded = (path: string) => !NOT_NEEDED.test(path)
  const take = (path: string, filter = isNeeded) =>
    cpSync(join(root, path), join(home, path), { recursive: true, dereference: true, filter })
  take('package.json')
  take('completions')
  take('proto')
  take('dist/src')
  take(`native-bindings/prebuilt/linux-${machine.arch}`)
  take('native-bindings/prebuilt/packages')
  for (const path of runtimeModules(root)) take(path, isRun(join(root, path)))
  putExtras(root, stage)
  putDocuments(root, stage, identity)
  for (const link of LINKS) {
    mkdirSync(dirname(join(stage, link)), { recursive: true })
    symlinkSync(`../lib/stratafs/native-bindings/prebuilt/linux-${machine.arch}/launch`, join(stage, link))
  }
  moveLicenses(stage)
  setModes(stage)
}

/** Whether a file of the package in `folder` is loaded by programs, or says whose it is. */
function isRun(folder: string): (path: string) => boolean {
  return (path) => {
    const inside = path.slice(folder.length)
    if (/\/(\.|(tests?|docs?|benchmarks?|examples?|__tests__)(\/|$))/.test(inside)) return false
    return statSync(path).isDirectory() || /\.([cm]?js|json)$|\/(licen[cs]e|notice)[^/]*$/i.test(inside)
  }
}

function putExtras(root: string, stage: string): void {
  for (const section of listed(join(root, 'man')))
    for (const name of listed(join(root, 'man', section)))
      putPacked(join(root, 'man', section, name), join(stage, `usr/share/man/${section}/${name}.gz`))
  const helper = join(stage, 'usr/share/man/man8')
  if (existsSync(join(helper, 'mount.fuse.stratafs.8.gz')))
    symlinkSync('mount.fuse.stratafs.8.gz', join(helper, 'mount.fuse3.stratafs.8.gz'))
  cpSync(join(root, 'systemd', UNIT), join(stage, 'usr/lib/systemd/system', UNIT))
  for (const [shell, path] of COMPLETIONS) putCompletion(root, shell, join(stage, path))
}

/** What the command prints for `shell`; nothing where it has no words for that one. */
function putCompletion(root: string, shell: string, path: string): void {
  const words = [join(root, 'dist/src/cli/stratafs.cjs'), 'completion', shell]
  const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  if (status !== 0 || stdout === '') return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, stdout)
}

function listed(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/** gzip as Debian wants it: nothing of the time or place it was made. */
function putPacked(from: string | Buffer, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, gzipSync(typeof from === 'string' ? readFileSync(from) : from, { level: 9 }))
}

function putDocuments(root: string, stage: string, { version, maintainer, date }: Identity): void {
  const place = join(stage, 'usr/share/doc/stratafs')
  const when = date.toUTCString().replace('GMT', '+0000')
  const entry = `stratafs (${version}) unstable; urgency=medium\n\n  * What changed is in NEWS.md beside this file.\n\n -- ${maintainer}  ${when}\n`
  putPacked(Buffer.from(entry), join(place, 'changelog.gz'))
  putPacked(join(root, 'CHANGELOG.md'), join(place, 'NEWS.md.gz'))
  for (const name of readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')))
    cpSync(join(root, 'docs', name), join(place, name))
  cpSync(join(root, 'docs/schemas'), join(place, 'schemas'), { recursive: true })
  cpSync(join(root, 'README.md'), join(place, 'README.md'))
}

/** Each licence text that came along, in one copyright file; nothing is left of them where the code lies. */
function moveLicenses(stage: string): void {
  const home = join(stage, HOME)
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' })
  const isText = (path: string): boolean => /(^|\/)(LICEN[CS]E|NOTICE)[^/]*$/i.test(path)
  const texts = files.filter((path) => isText(path) && statSync(join(home, path)).isFile()).sort()
  const parts = texts.map((path) => `Files: ${HOME}/${dirname(path)}\n\n${licenseText(join(home, path))}\n`)
  const own = `stratafs is licensed under the Apache License, Version 2.0; on Debian systems its text is in\n/usr/share/common-licenses/Apache-2.0.\n\nCopyright the stratafs authors.\n`
  const place = join(stage, 'usr/share/doc/stratafs/copyright')
  writeFileSync(place, [own, ...parts].join(`\n${'-'.repeat(72)}\n`))
  for (const path of texts) execFileSync('rm', [join(home, path)])
  // Where those of what was joined into one file lay by themselves.
  execFileSync('find', [home, '-type', 'd', '-empty', '-delete'])
}

/** Debian has the long ones already. */
function licenseText(path: string): string {
  const text = readFileSync(path, 'utf8').trim()
  return /Apache License\s+Version 2\.0, January 2004/.test(text)
    ? 'Apache-2.0: /usr/share/common-licenses/Apache-2.0'
    : text
}

/** 0755 for folders and programs, 0644 for everything else; no folder without a file. */
function setModes(stage: string): void {
  execFileSync('find', [join(stage, 'usr'), '-type', 'd', '-empty', '-delete'])
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', stage])
  execFileSync('find', [join(stage, 'usr'), '-type', 'f', '-exec', 'chmod', '644', '{}', '+'])
  const files = readdirSync(join(stage, 'usr'), { recursive: true, encoding: 'utf8' }).map((path) =>
    join(stage, 'usr', path),
  )
  for (const path of files.filter(isProgram)) chmodSync(path, 0o755)
}

function isProgram(path: string): boolean {
  const facts = lstatSync(path)
  return facts.isFile() && (basename(path) === 'launch' || readFileSync(path).subarray(0, 2).toString() === '#!')
}
