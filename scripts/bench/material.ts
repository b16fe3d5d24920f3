/**
 * What the workloads work on, made once and kept beside the runs: a root filesystem by mmdebstrap (or one that is
 * given), its tar, a list of its small files, a tree of 64 layers, big files, and a Debian package that replaces files
 * of the root.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inPath, mustRun } from './processes.js'

export interface Sizes {
  /** MiB of the file that is read, and copied up. */
  readonly big: number
  /** Layers of the deep stack. */
  readonly layers: number
  /** MiB of each file of which ten mounts read one copy each. */
  readonly shared: number
}

export interface Material {
  readonly rootfs: string
  readonly tar: string
  /** Names of files up to 64 KiB in the root filesystem, NUL between them. */
  readonly smallFiles: string
  /** A directory with the file `big`, and `shared`. */
  readonly big: string
  /** Directories of the deep stack, top first; and the paths to ask for. */
  readonly stack: readonly string[]
  readonly stackNames: string
  readonly stackAbsent: string
  readonly empty: string
  readonly deb: string
}

/** Makes what is missing in `folder`; what depends on `given`, a root filesystem in place of mmdebstrap's, in `run`. */
export async function prepare(folder: string, run: string, given: string | null, sizes: Sizes): Promise<Material> {
  mkdirSync(join(folder, 'empty'), { recursive: true })
  const rootfs = given ?? (await debian(folder))
  const base = join(given === null ? folder : run, 'rootfs')
  const tar = await once(`${base}.tar`, (at) =>
    bash(`tar -C "$1" --xattrs --one-file-system --exclude=./dev -cf "$2" .`, rootfs, at),
  )
  const list = 'cd "$1" && find . -xdev -type f -size -128 -print0 | sort -z > "$2"'
  const smallFiles = await once(`${base}.small`, (at) => bash(list, rootfs, at))
  const deb = await once(`${base}.deb`, (at) => packageOf(rootfs, at))
  const big = await once(join(folder, `big-${sizes.big}-${sizes.shared}`), (at) => bigFiles(at, sizes))
  const stack = await once(join(folder, `stack-${sizes.layers}`), (at) => deepStack(at, sizes.layers))
  const layers = readdirSync(stack)
    .filter((name) => name.startsWith('l'))
    .sort()
  return {
    rootfs,
    tar,
    smallFiles,
    big,
    stack: layers.map((name) => join(stack, name)),
    stackNames: join(stack, 'names'),
    stackAbsent: join(stack, 'absent'),
    empty: join(folder, 'empty'),
    deb,
  }
}

/** `path`, made by `make` under another name first, so that what was interrupted is not taken for the whole. */
async function once(path: string, make: (at: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path
  const partial = `${path}.partial`
  await mustRun(['rm', '-rf', '--one-file-system', partial])
  await make(partial)
  renameSync(partial, path)
  return path
}

async function bash(script: string, ...args: string[]): Promise<void> {
  await mustRun(['bash', '-euo', 'pipefail', '-c', script, 'bash', ...args])
}

function debian(folder: string): Promise<string> {
  if (!inPath('mmdebstrap')) throw new Error('mmdebstrap is missing: apt-get install mmdebstrap, or say --rootfs DIR')
  const argv = ['mmdebstrap', '--quiet', '--variant=minbase', '--include=git,perl,python3-minimal', 'bookworm']
  return once(join(folder, 'rootfs'), async (at) => void (await mustRun([...argv, at])))
}

function bigFiles(at: string, sizes: Sizes): Promise<void> {
  const make = `mkdir "$1"; head -c ${sizes.big}M /dev/urandom > "$1/big"; head -c ${sizes.shared}M /dev/urandom > "$1/shared"`
  return bash(make, at)
}

/** 100 directories that all layers have, each with one file per layer: every directory is joined of all of them. */
async function deepStack(at: string, layers: number): Promise<void> {
  const names: string[] = []
  for (let layer = 0; layer < layers; layer++) {
    const root = join(at, `l${String(layer).padStart(3, '0')}`)
    for (let i = 0; i < 100; i++) {
      const directory = `d${i}`
      mkdirSync(join(root, directory), { recursive: true })
      writeFileSync(join(root, directory, `f${layer}`), `layer ${layer}\n`)
      names.push(`${directory}/f${layer}`)
    }
  }
  writeFileSync(join(at, 'names'), scattered(names).join('\n'))
  writeFileSync(
    join(at, 'absent'),
    scattered(names)
      .map((name) => `${name}.absent`)
      .join('\n'),
  )
}

/** The same disorder each time. */
function scattered(names: readonly string[]): string[] {
  const all = [...names]
  let seed = 1
  for (let i = all.length - 1; i > 0; i--) {
    seed = (seed * 1103515245 + 12345) % 2147483648
    const j = seed % (i + 1)
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** A package with up to 800 of the root's own files below usr/share, to be unpacked over them. */
function packageOf(rootfs: string, at: string): Promise<void> {
  const script = `mkdir -p "$2.tree/DEBIAN"
    printf 'Package: stratafs-bench\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody <nobody@localhost>\\nDescription: files\\n' \\
      > "$2.tree/DEBIAN/control"
    (cd "$1" && find usr/share -type f -size -128 | sort | sed -n 1,800p > "$2.list")
    tar -C "$1" -cf - -T "$2.list" | tar -C "$2.tree" -xf -
    dpkg-deb --root-owner-group -Znone -b "$2.tree" "$2" >/dev/null
    rm -rf "$2.tree" "$2.list"`
  return bash(script, rootfs, at)
}
