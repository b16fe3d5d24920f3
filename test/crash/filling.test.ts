/**
 * The copy-up that goes on while a large file is written to, ended before each of its changes to the disk, and with
 * each of its system calls failing. A new engine over what is left shows the old file or the whole new one; after an
 * fsync that said yes it is the new one.
 */
import assert from 'node:assert/strict'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Errno, PENDING } from '../../src/base/errno.js'
import type { Engine } from '../../src/operations/engine.js'
import { O_TMPFILE } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Run } from '../engine/layers.js'
import { changesDisk, followDescriptors, type Hook, hooked, readsDisk } from '../engine/native-hook.js'
import { Session, startEngine, unbound } from '../engine/session.js'

const skip = process.getuid?.() === 0 ? false : 'owners, devices and trusted.* need root'

const SIZE = (66 << 20) + 5
const MARK = 'written while it was copied'
const AT = 40 << 20
/** What is not asked of the disk, or by the copier's thread. */
const APART = new Set(['eventfd', 'fillState', 'waitFill', 'endFill', 'fillShown', 'closeSoon', 'settleClosing'])

class Ended extends Error {}

interface Act {
  readonly name: string
  /** What the merged tree calls the file afterwards. */
  readonly as: string
  readonly tmpfile: boolean
  /** The filesystem is said to have reflinks. */
  readonly clones?: boolean
  run(s: Session, engine: Engine): number
}

/** Serves a request again until it need not wait. */
function waited(request: () => number): number {
  for (;;) {
    const result = request()
    if (result !== PENDING) return result
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
}

const write = (s: Session): number => s.write('dir/big', MARK, AT)
const sync = (s: Session): number => waited(() => s.at('dir/big', (id) => s.ops.fsync(id, false)))
const then = (result: number, next: () => number): number => (result < 0 ? result : next())

function closed(engine: Engine): number {
  engine.close()
  return 0
}

const acts: readonly Act[] = [
  { name: 'fsync', as: 'dir/big', tmpfile: true, run: (s) => then(write(s), () => sync(s)) },
  { name: 'fsync [no O_TMPFILE]', as: 'dir/big', tmpfile: false, run: (s) => then(write(s), () => sync(s)) },
  { name: 'fsync [reflinks]', as: 'dir/big', tmpfile: true, clones: true, run: (s) => then(write(s), () => sync(s)) },
  {
    name: 'rename',
    as: 'renamed',
    tmpfile: true,
    run: (s) => then(write(s), () => waited(() => s.rename('dir/big', 'renamed'))),
  },
  {
    name: 'the end of the mount',
    as: 'dir/big',
    tmpfile: true,
    run: (s, engine) => then(write(s), () => closed(engine)),
  },
]

describe('a large file is written to while it is copied up, and then comes', { skip }, () => {
  let root = ''
  let lower = ''
  let serial = 0
  let old = Buffer.alloc(0)
  let changed = Buffer.alloc(0)
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'stratafs-filling-'))
    lower = join(root, 'lower')
    mkdirSync(join(lower, 'dir'), { recursive: true })
    const path = join(lower, 'dir/big')
    const fd = openSync(path, 'w', 0o640)
    for (const at of [0, 33 << 20, AT - 3, SIZE - 100]) writeSync(fd, `data at ${at}`, at)
    closeSync(fd)
    truncateSync(path, SIZE)
    old = readFileSync(path)
    changed = Buffer.from(old)
    changed.write(MARK, AT)
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  function newRun(): Run {
    const path = join(root, `run${++serial}`)
    for (const name of ['', 'upper', 'work']) mkdirSync(join(path, name), { recursive: true })
    return new Run(path, [lower])
  }

  /** Runs `act` under `hook`; what it answers, or null where it was ended. */
  function tried(run: Run, act: Act, hook: Hook): number | null {
    const wakeFd = native.eventfd()
    const targets = new Set<number>()
    const refusing =
      (then: Hook): Hook =>
      (name, args, proceed) => {
        if (name === 'startFill') targets.add(args[1] as number)
        const isNameless = name === 'openat' && ((args[2] as number) & O_TMPFILE) === O_TMPFILE
        if (isNameless && !act.tmpfile) return -Errno.EOPNOTSUPP
        if (name === 'cloneContent' && act.clones)
          return Math.min(0, native.copyContent(args[0] as number, args[1] as number, SIZE))
        return APART.has(name) ? proceed() : then(name, args, proceed)
      }
    const { result, closeAll } = followDescriptors(() => {
      const start = refusing((_name, _args, proceed) => proceed())
      const engine = hooked(start, () => startEngine(run.config({}), { ...unbound, wakeFd }))
      try {
        const answer = hooked(refusing(hook), () => act.run(new Session(engine), engine))
        if (act.name !== 'the end of the mount') engine.close()
        return answer
      } catch (error) {
        if (!(error instanceof Ended)) throw error
        return null
      }
    })
    for (const target of targets) native.endFill(target)
    native.become(process.getuid!(), process.getgid!(), 0)
    if (result === null) closeAll()
    native.close(wakeFd)
    return result
  }

  /** 'old', 'new', or what is wrong, as a new engine shows it. */
  function left(run: Run, as: string): string {
    const engine = startEngine(run.config({}))
    try {
      const s = new Session(engine)
      const isThere = (path: string): boolean => s.at(path, () => 0) === 0
      const names = ['dir/big', 'renamed'].filter(isThere)
      if (names.length !== 1) return `it has the names ${names.join(' and ') || 'none'}`
      if (run.rubbish().length > 0) return `the workdir is not swept: ${run.rubbish()}`
      if (!existsSync(join(run.upper, names[0]!))) return names[0] === 'dir/big' ? 'old' : 'the name leads nowhere'
      const bytes = readFileSync(join(run.upper, names[0]!))
      if ((statSync(join(run.upper, names[0]!)).mode & 0o7777) !== 0o640) return 'the mode is another'
      // Opened for writing, and then not written to.
      if (bytes.equals(old)) return 'old'
      if (bytes.equals(changed)) return names[0] === as || as === 'renamed' ? 'new' : 'the name is another'
      return 'it is neither the old nor the new one'
    } finally {
      engine.close()
    }
  }

  for (const act of acts) {
    it(`by ${act.name}: ended before each change`, () => {
      const ends = countOf(act, (name, args) => changesDisk(name, args))
      const seen = new Set<string>()
      for (let end = 0; end < ends; end++) {
        const run = newRun()
        let at = 0
        let last = ''
        const answer = tried(run, act, (name, args, proceed) => {
          if (!changesDisk(name, args) || at++ < end) return proceed()
          last ||= name
          throw new Ended()
        })
        assert.equal(answer, null)
        const state = left(run, act.as)
        assert.ok(state === 'old' || state === 'new', `ended before ${last}, change ${end}: ${state}`)
        seen.add(state)
        run.remove()
      }
      assert.ok(seen.has('old'))
    })
    if (act.name === 'fsync')
      it(`by ${act.name}: each call fails`, () => {
        const calls = countOf(act, (name, args) => changesDisk(name, args) || readsDisk(name, args))
        for (let failing = 0; failing < calls; failing++) {
          const run = newRun()
          let at = 0
          let failed = ''
          const answer = tried(run, act, (name, args, proceed) => {
            const counts = changesDisk(name, args) || readsDisk(name, args)
            if (!counts || at++ !== failing) return proceed()
            failed = name
            return -Errno.EIO
          })
          const state = left(run, act.as)
          if (answer === 0) assert.equal(state, 'new', `${failed} fails, and it says yes`)
          else assert.ok(state === 'old' || state === 'new', `${failed}, call ${failing}: ${state}`)
          run.remove()
        }
      })
  }

  /** How many calls of an undisturbed run count; it leaves the new file. */
  function countOf(act: Act, counts: (name: string, args: readonly unknown[]) => boolean): number {
    const run = newRun()
    let count = 0
    const answer = tried(run, act, (name, args, proceed) => {
      if (counts(name, args)) count++
      return proceed()
    })
    assert.equal(answer, 0)
    assert.equal(left(run, act.as), 'new')
    assert.ok(count > 3)
    run.remove()
    return count
  }

  it('and the lower file is as it was, and no descriptor is left', () => {
    assert.ok(readFileSync(join(lower, 'dir/big')).equals(old))
    const open = readdirSync('/proc/self/fd').length
    const run = newRun()
    tried(run, acts[0]!, (_name, _args, proceed) => proceed())
    run.remove()
    assert.equal(readdirSync('/proc/self/fd').length, open)
  })
})
