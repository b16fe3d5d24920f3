/**
 * One random history: changes made in a mount and, the same ones, in a plain directory; snapshots beside `cp -a` copies
 * of that directory; files held open over them; remounts, and daemons killed. After each step that could lose something
 * the two are compared, and at the end every snapshot, as a mount of its own and as the kernel's overlay shows it.
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import {
  addLayers,
  createBranch,
  createSnapshot,
  limit,
  listSnapshots,
  mergeBranch,
  mount,
  removeBranch,
  removeLayers,
  removeSnapshot,
  replaceLayer,
  restoreSnapshot,
  showSnapshot,
  unmount,
} from '../../src/index.js'
import { AT_FDCWD } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { eventually, isGone } from '../daemon/harness.js'
import { COUNT } from '../daemon/limit-writer.js'
import { contentsOf, differences, identitiesOf, timesOf } from './tree.js'

interface HistoryOptions {
  readonly seed: number
  readonly steps: number
  readonly data: 'passthrough' | 'cached'
  /** The whole machine's root: owners change, and the kernel's overlay is asked too. */
  readonly root: boolean
  /** Metacopy and the like, beside `data`. */
  readonly options?: string
}

/** An open file in both trees. */
interface Held {
  readonly ours: number
  readonly plain: number
  readonly append: boolean
}

/** mulberry32: the same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** Runs one in the empty directory `at`. Throws where something is other than it should be. */
export async function runHistory(at: string, options: HistoryOptions): Promise<void> {
  const history = new History(at, options)
  try {
    await history.run()
  } catch (error) {
    throw new Error(`seed ${options.seed}, ${options.data}: ${(error as Error).message}\n${history.told()}`, {
      cause: error,
    })
  } finally {
    await history.end()
  }
}

class History {
  readonly #random: (below: number) => number
  /** Moments at which the kernel forgets names and files; beside `random`, so that seeds stay what they were. */
  readonly #forgets: (below: number) => number
  readonly #told: string[] = []
  readonly #held: Held[] = []
  readonly #times = new Map<string, Map<string, string>>()
  #lowers: string[]
  #pid = 0
  #count = 0

  constructor(
    private readonly at: string,
    private readonly options: HistoryOptions,
  ) {
    this.#random = numbers(options.seed)
    this.#forgets = numbers(options.seed + 1_000_000)
    this.#lowers = [join(at, 'base')]
    for (const name of ['base', 'upper', 'work', 'merged', 'view', 'other']) fs.mkdirSync(join(at, name))
    fillBase(join(at, 'base'))
    cp(join(at, 'base'), join(at, 'plain'))
  }

  get #merged(): string {
    return join(this.at, 'merged')
  }
  get #plain(): string {
    return join(this.at, 'plain')
  }

  told(): string {
    return this.#told.join('\n')
  }

  async run(): Promise<void> {
    await this.#mount()
    for (let count = this.#random(20); count > 0; count--) this.#change()
    if (this.#random(2) === 0) await this.#layers()
    for (let step = 0; step < this.options.steps; step++) {
      const which = this.#random(100)
      if (which < 81) this.#change()
      else if (which < 89) await this.#snapshot()
      else if (which < 91) await this.#remove()
      else if (which < 93) await this.#branch()
      else if (which < 95) await this.#restore()
      else await this.#remount(which >= 97)
    }
    await this.#snapshot()
    this.#compare('at the end')
    for (const { name } of listSnapshots(this.#merged)) await this.#checkSnapshot(name)
    await this.#remount(false)
  }

  async end(): Promise<void> {
    this.#closeAll()
    for (const place of ['view', 'branch', 'merged']) spawnSync('umount', ['-l', join(this.at, place)])
    if (this.#pid > 0) kill(this.#pid)
  }

  async #mount(): Promise<void> {
    const { data, options } = this.options
    const words = [`data=${data}`, ...(options === undefined ? [] : [options])].join(',')
    const places = { lower: this.#lowers, upper: join(this.at, 'upper'), work: join(this.at, 'work') }
    this.#pid = (await mount(this.#merged, { ...places, options: words })).pid
  }

  async #remount(killed: boolean): Promise<void> {
    this.#told.push(killed ? 'kill' : 'remount')
    this.#closeAll()
    await this.#checkCount()
    const before = identitiesOf(this.#merged, this.options.root)
    if (killed) {
      // What the kernel holds for the mount has to be in the upper: it is lost with the daemon otherwise.
      spawnSync('sync', ['-f', this.#merged])
      kill(this.#pid)
      await eventually(() => isGone(this.#pid), 10_000)
      spawnSync('umount', ['-l', this.#merged])
    } else await unmount(this.#merged)
    await this.#mount()
    this.#compare('after a remount')
    fail('inodes and times after a remount', differences(before, identitiesOf(this.#merged, this.options.root)))
  }

  async #snapshot(): Promise<void> {
    const name = `s${++this.#count}`
    this.#told.push(`snapshot ${name}`)
    const before = identitiesOf(this.#merged, this.options.root)
    this.#times.set(name, timesOf(this.#merged))
    cp(this.#plain, join(this.at, `plain-${name}`))
    const made = await createSnapshot(this.#merged, { name })
    this.#told.push(`  copied ${made.copied.join(' ')}`)
    fail('inodes and times over a snapshot', differences(before, identitiesOf(this.#merged, this.options.root)))
    if (this.#random(3) === 0) dropCaches()
    this.#compare('after a snapshot')
    fail('inodes and times after a snapshot', differences(before, identitiesOf(this.#merged, this.options.root)))
  }

  /** Back to one of the snapshots; what was done since is kept as another, or not. */
  async #restore(): Promise<void> {
    const snapshots = listSnapshots(this.#merged)
    const { name } = snapshots[this.#random(snapshots.length)] ?? {}
    if (name === undefined) return
    const discard = this.#random(2) === 0
    const times = timesOf(this.#merged)
    const { kept } = await restoreSnapshot(this.#merged, name, { discard })
    this.#told.push(`restore ${name}, ${kept}`)
    this.#closeAll()
    if (kept !== null) {
      fs.renameSync(this.#plain, join(this.at, `plain-${kept}`))
      this.#times.set(kept, times)
    } else fs.rmSync(this.#plain, { recursive: true })
    cp(join(this.at, `plain-${name}`), this.#plain)
    this.#compare(`after going back to ${name}`)
    const wanted = this.#times.get(name)!
    if (wanted.size > 0) fail(`times after going back to ${name}`, differences(wanted, timesOf(this.#merged)))
  }

  /** One of the snapshots goes: nothing else changes for anybody. */
  async #remove(): Promise<void> {
    const snapshots = listSnapshots(this.#merged)
    const { name } = snapshots[this.#random(snapshots.length)] ?? {}
    if (name === undefined) return
    const before = identitiesOf(this.#merged, this.options.root)
    const { done, why } = await removeSnapshot(this.#merged, name)
    this.#told.push(`rm ${name}: ${done ? 'done' : why}`)
    fs.rmSync(join(this.at, `plain-${name}`), { recursive: true })
    if (!done && !/is still open|being written to/.test(why ?? '')) throw new Error(`${name} is not removed: ${why}`)
    fail(
      `inodes and times after ${name} is removed`,
      differences(before, identitiesOf(this.#merged, this.options.root)),
    )
    if (this.#random(3) === 0) dropCaches()
    this.#compare(`after ${name} is removed`)
    fail(`inodes and times then`, differences(before, identitiesOf(this.#merged, this.options.root)))
  }

  /** A branch is what the tree is; what is changed in it alone comes back by a merge, and it goes. */
  async #branch(): Promise<void> {
    const [place, copy] = ['branch', 'plain-branch'].map((name) => join(this.at, name)) as [string, string]
    const name = `b${++this.#count}`
    this.#told.push(`branch ${name}`)
    // The plain tree is another one afterwards.
    this.#closeAll()
    fs.mkdirSync(place)
    cp(this.#plain, copy)
    await createBranch(this.#merged, name, place)
    fail(`branch ${name}`, differences(contentsOf(copy), contentsOf(place)))
    for (let count = this.#random(12); count > 0; count--) this.#change(copy, place)
    fail(`branch ${name}, changed`, differences(contentsOf(copy), contentsOf(place)))
    const { conflicts, before } = await mergeBranch(this.#merged, name)
    this.#told.push(`merged ${name}: ${conflicts.map(({ path }) => path).join(' ')}`)
    if (conflicts.length > 0) throw new Error(`${name} is refused: ${JSON.stringify(conflicts)}`)
    await removeBranch(this.#merged, name)
    if (before !== null) {
      this.#times.set(before, new Map())
      cp(this.#plain, join(this.at, `plain-${before}`))
      // A merge goes by names: hard links across what was changed and what was not stay as they were.
      cp(this.#merged, `${this.#plain}-next`)
      fail(`${name}, merged`, differences(withoutLinks(copy), withoutLinks(this.#merged)))
      fs.rmSync(this.#plain, { recursive: true })
      fs.renameSync(`${this.#plain}-next`, this.#plain)
    }
    fs.rmSync(copy, { recursive: true })
    fs.rmdirSync(place)
  }

  /** A layer comes, changes its place with another one, and may go: while the mount stands on no snapshot. */
  async #layers(): Promise<void> {
    const [one, other] = ['extra', 'extra-2'].map((name) => join(this.at, name)) as [string, string]
    fs.mkdirSync(join(one, 'x/y'), { recursive: true })
    fs.writeFileSync(join(one, 'x/y/z'), 'of an extra layer')
    cp(one, other)
    fs.writeFileSync(join(other, 'x/more'), 'of another one')
    this.#told.push('layers')
    await addLayers(this.#merged, [one])
    cp(join(one, 'x'), join(this.#plain, 'x'))
    this.#compare('a layer more')
    await replaceLayer(this.#merged, one, other)
    cp(join(other, 'x/more'), join(this.#plain, 'x/more'))
    this.#compare('another layer')
    this.#lowers = [other, ...this.#lowers]
    if (this.#random(2) === 0) return this.#again()
    await removeLayers(this.#merged, [other])
    fs.rmSync(join(this.#plain, 'x'), { recursive: true })
    this.#compare('a layer less')
    this.#lowers = this.#lowers.slice(1)
  }

  /** Directories keep the numbers of a layer that was replaced for as long as the mount lasts. */
  async #again(): Promise<void> {
    this.#closeAll()
    await unmount(this.#merged)
    await this.#mount()
    this.#compare('in the next mount')
  }

  /** With a limit: what is counted is what is there, once the last close has been told. */
  async #checkCount(): Promise<void> {
    if ((await limit(this.#merged)).size === null) return
    const [upper, index] = ['upper', 'work/index'].map((path) => join(this.at, path)) as [string, string]
    let words = ''
    const isRight = async (): Promise<boolean> => {
      const { stdout } = spawnSync('python3', ['-c', COUNT, upper, index], { encoding: 'utf8' })
      const { usedBytes, usedInodes, counting } = await limit(this.#merged)
      words = `${usedBytes} bytes, ${usedInodes} inodes counted, ${stdout} there`
      const { bytes, inodes } = JSON.parse(stdout) as { bytes: number; inodes: number }
      return counting === null && usedBytes === bytes && usedInodes === inodes
    }
    for (let attempt = 0; attempt < 20; attempt++) {
      if (await isRight()) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error(words)
  }

  #compare(when: string): void {
    fail(when, differences(contentsOf(this.#plain), contentsOf(this.#merged)))
  }

  async #checkSnapshot(name: string): Promise<void> {
    const view = join(this.at, 'view')
    const { lowerdir } = showSnapshot(this.#merged, name)
    const { root, options = '' } = this.options
    // Ordinary users' redirects are followed by mounts that ask for it.
    const given = root ? {} : { options }
    const { unmount: end } = await mount(view, { lower: lowerdir.split(':'), ...given })
    const expected = contentsOf(join(this.at, `plain-${name}`))
    fail(`snapshot ${name}`, differences(expected, contentsOf(view)))
    const times = this.#times.get(name)!
    if (times.size > 0) fail(`times of snapshot ${name}`, differences(times, timesOf(view)))
    await end()
    if (!root) return
    const { status, stderr } = spawnSync(
      'mount',
      ['-t', 'overlay', '-o', `ro,redirect_dir=follow,metacopy=on,lowerdir=${lowerdir}`, 'overlay', view],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`the kernel does not mount snapshot ${name}: ${stderr}`)
    fail(`snapshot ${name} in the kernel's overlay`, differences(expected, contentsOf(view)))
    spawnSync('umount', [view])
  }

  #closeAll(): void {
    for (const { ours, plain } of this.#held.splice(0)) for (const fd of [ours, plain]) fs.closeSync(fd)
  }

  /** One change, the same in both trees. */
  #change(inPlain = this.#plain, inOurs = this.#merged): void {
    if (this.#forgets(12) === 0) dropCaches()
    const paths = pathsBelow(inPlain)
    const pick = (list: readonly string[]): string => list[this.#random(list.length)] ?? 'none'
    const files = paths.filter((path) => fs.lstatSync(join(inPlain, path)).isFile())
    const dirs = ['.', ...paths.filter((path) => fs.lstatSync(join(inPlain, path)).isDirectory())]
    const fresh = join(pick(dirs), `n${this.#random(30)}`)
    const text = `${this.options.seed} ${this.#told.length} `.repeat(1 + this.#random(400))
    const changes: (() => [string, (root: string) => void])[] = [
      () => [`write ${fresh}`, (root) => fs.writeFileSync(join(root, fresh), text)],
      () => this.#on('append', pick(files), (path) => fs.appendFileSync(path, text)),
      () => this.#on('truncate', pick(files), (path) => fs.truncateSync(path, 7)),
      () => [`mkdir ${fresh}`, (root) => fs.mkdirSync(join(root, fresh))],
      () => this.#on('unlink', pick(paths), (path) => fs.unlinkSync(path)),
      () => this.#on('rmdir', pick(dirs.slice(1)), (path) => fs.rmdirSync(path)),
      () => this.#on('rm -r', pick(dirs.slice(1)), (path) => fs.rmSync(path, { recursive: true })),
      () => this.#pair('rename', pick(paths), fresh, fs.renameSync),
      () => this.#pair('rename over', pick(files), pick(files), fs.renameSync),
      () => this.#pair('link', pick(files), fresh, fs.linkSync),
      () => [`symlink ${fresh}`, (root) => fs.symlinkSync(text.slice(0, 50), join(root, fresh))],
      () => this.#on('chmod', pick(paths), (path) => fs.chmodSync(path, 0o700 + (this.#told.length % 64))),
      () => this.#on('utimes', pick(files), (path) => fs.utimesSync(path, 1e9, 1e9 + this.#told.length)),
      () => this.#on('setxattr', pick([...files, ...dirs]), (path) => setAttribute(path, text.slice(0, 30))),
      () => this.#on('chown', pick(paths), (path) => this.options.root && fs.lchownSync(path, 7, this.#told.length)),
    ]
    const isBranch = inPlain !== this.#plain
    if (!isBranch && this.#random(6) === 0) this.#open(pick([...files, fresh]), text)
    else if (!isBranch && this.#random(5) === 0) this.#useHeld(text)
    else {
      const [words, act] = changes[this.#random(changes.length)]!()
      this.#both(words, act, inPlain, inOurs)
    }
  }

  #on(words: string, path: string, act: (path: string) => void): [string, (root: string) => void] {
    return [`${words} ${path}`, (root) => act(join(root, path))]
  }

  #pair(
    words: string,
    from: string,
    to: string,
    act: (from: string, to: string) => void,
  ): [string, (root: string) => void] {
    return [`${words} ${from} ${to}`, (root) => act(join(root, from), join(root, to))]
  }

  #both(words: string, act: (root: string) => void, inPlain: string, inOurs: string): void {
    const plain = outcome(() => act(inPlain))
    const ours = outcome(() => act(inOurs))
    this.#told.push(`${words}: ${plain}`)
    if (plain !== ours) throw new Error(`${words}: ${plain} in a plain directory, ${ours} in the mount`)
  }

  #open(path: string, text: string): void {
    if (this.#held.length > 4) return
    const append = this.#random(2) === 0
    const flags = append ? 'a' : this.#random(2) === 0 ? 'w+' : 'r+'
    try {
      const plain = fs.openSync(join(this.#plain, path), flags)
      const ours = fs.openSync(join(this.#merged, path), flags)
      this.#held.push({ ours, plain, append })
      this.#told.push(`open ${path} ${flags}`)
      this.#useHeld(text)
    } catch {
      // Not there, or a directory.
    }
  }

  #useHeld(text: string): void {
    const at = this.#random(Math.max(1, this.#held.length))
    const held = this.#held[at]
    if (held === undefined) return
    const position = held.append ? null : this.#random(9000)
    for (const fd of [held.ours, held.plain]) fs.writeSync(fd, text, position)
    this.#told.push(`write to open file ${at} at ${position}`)
    if (this.#random(4) > 0) return
    this.#held.splice(at, 1)
    for (const fd of [held.ours, held.plain]) fs.closeSync(fd)
    this.#told.push(`close ${at}`)
  }
}

/** But for which names are one file. */
function withoutLinks(root: string): Map<string, string> {
  return new Map([...contentsOf(root)].map(([path, words]) => [path, words.replace(/ links \d+ \S*/, '')]))
}

function fail(when: string, words: string): void {
  if (words !== '') throw new Error(`${when}:\n${words}`)
}

function outcome(act: () => void): string {
  try {
    act()
    return 'done'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

function setAttribute(path: string, value: string): void {
  native.setxattr(AT_FDCWD, path, 'user.note', Buffer.from(value), 0)
}

function cp(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function dropCaches(): void {
  try {
    fs.writeFileSync('/proc/sys/vm/drop_caches', '2')
  } catch {
    // Only root may.
  }
}

function pathsBelow(root: string): string[] {
  return fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
}

function fillBase(base: string): void {
  const at = (name: string): string => join(base, name)
  for (const name of ['a', 'a/b', 'a/b/c', 'empty', 'e']) fs.mkdirSync(at(name))
  for (const name of ['f', 'a/g', 'a/b/h', 'a/b/c/i', 'e/j']) fs.writeFileSync(at(name), `${name} below\n`.repeat(50))
  fs.linkSync(at('f'), at('a/f2'))
  fs.linkSync(at('f'), at('e/f3'))
  fs.linkSync(at('e/j'), at('e/k'))
  fs.symlinkSync('a/g', at('s'))
  fs.writeFileSync(at('large'), Buffer.alloc(300_000, 7))
  setAttribute(at('a'), 'below')
}
