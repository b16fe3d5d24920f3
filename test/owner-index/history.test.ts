/**
 * Random histories: the same operations on kernel overlayfs and on engines without an index, with one that is kept, and
 * with one that is built anew before each mount; each with an upper of its own over the same layers, all remounted now
 * and then. After every stretch all must show the same, and the view `owners` must name the very paths that show.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import { StratafsError } from '../../src/base/failure.js'
import type { Operations } from '../../src/operations/contract.js'
import { buildIndex, openIndex, stackConfig } from '../../src/owner-index/api.js'
import { type Planting, picture, Run, Stage } from './stage.js'

const NAMES = ['a', 'b', 'c', 'd']
const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const planting: fc.Arbitrary<Planting> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('file' as const), path, content: fc.constantFrom('', 'x', 'yy') }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('directory' as const), path }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('whiteout' as const, 'opaque' as const), path }) },
)
const layers = fc.array(fc.array(planting, { maxLength: 10 }), { minLength: 2, maxLength: 5 })

const ACTS = ['mkdir', 'create', 'unlink', 'rmdir', 'chmod', 'rename', 'rename'] as const

/** `to`: for rename alone. */
interface Act {
  readonly act: (typeof ACTS)[number]
  readonly path: string
  readonly to: string
}
const act: fc.Arbitrary<Act> = fc.record({ act: fc.constantFrom(...ACTS), path, to: path })
const stretches = fc.array(fc.array(act, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 3 })

/** Carries `what` out on the kernel's mount; false where it refuses. */
function onKernel(root: string, what: Act): boolean {
  const at = join(root, what.path)
  try {
    if (what.act === 'mkdir') mkdirSync(at, { mode: 0o755 })
    else if (what.act === 'create') writeFileSync(at, '', { flag: 'wx', mode: 0o644 })
    else if (what.act === 'unlink') unlinkSync(at)
    else if (what.act === 'rmdir') rmdirSync(at)
    else if (what.act === 'chmod') chmodSync(at, 0o700)
    else renameSync(at, join(root, what.to))
    return true
  } catch {
    return false
  }
}

const caller = { uid: 0, gid: 0, pid: 1, umask: 0 }

/** The same through an engine, which must not refuse what the kernel did. */
function onEngine(operations: Operations, what: Act): void {
  const [parent, name] = resolve(operations, what.path)
  let result = 0
  if (what.act === 'mkdir') result = operations.mkdir(caller, parent, name, 0o755)
  else if (what.act === 'create') result = operations.mknod(caller, parent, name, 0o100644, 0, 0)
  else if (what.act === 'unlink') result = operations.unlink(parent, name)
  else if (what.act === 'rmdir') result = operations.rmdir(parent, name)
  else if (what.act === 'chmod') result = operations.setattr(operations.lookup(parent, name), { mode: 0o700 })
  else if (what.path !== what.to) result = operations.rename(parent, name, ...resolve(operations, what.to), 0)
  assert.ok(result >= 0, `${JSON.stringify(what)}: ${result}`)
}

function resolve(operations: Operations, path: string): [parent: number, name: string] {
  const names = path.split('/')
  const name = names.pop()!
  return [names.reduce((at, each) => operations.lookup(at, each), 1), name]
}

function kernelShows(root: string): string[] {
  const lines: string[] = []
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    // It lists a whiteout of its lowest layer, and says then that there is no such file.
    const stat = statSync(join(root, path), { throwIfNoEntry: false })
    if (stat === undefined) continue
    lines.push(`/${path} ${stat.mode.toString(8)}${stat.isDirectory() ? '' : ` ${stat.size}`}`)
  }
  return lines.sort()
}

/** What `picture` says, without times, numbers and links. */
function shows(run: Run): string[] {
  return picture(run)
    .map((line) => /^\S+ 1\S+ \d+/.exec(line)?.[0] ?? line.split(' ').slice(0, 2).join(' '))
    .map((line) => line.replace(/^(\S+ 4\d{4}) .*/, '$1'))
    .sort()
}

/** Else nothing has been compared. */
let carriedOut = 0

const SIDES = ['-off', '-kept', '-anew', '-kernel'] as const

async function replay(stage: Stage, history: readonly (readonly Act[])[]): Promise<void> {
  for (const side of SIDES) for (const kind of ['upper', 'work']) mkdirSync(stage.path(kind + side))
  const merged = stage.path('merged')
  const index = { '-kept': stage.path('kept.db'), '-anew': stage.path('anew.db') }
  for (const acts of history) {
    rmSync(index['-anew'], { force: true })
    assert.ok(!((await buildIndex(stackConfig(stage.lowers), index['-anew'])) instanceof StratafsError))
    const runs = [
      new Run(stage, { side: '-off' }),
      new Run(stage, { side: '-kept', index: index['-kept'] }),
      new Run(stage, { side: '-anew', index: index['-anew'] }),
    ]
    const words = `redirect_dir=on,lowerdir=${stage.lowers.join(':')},upperdir=${stage.path('upper-kernel')},workdir=${stage.path('work-kernel')}`
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', words, merged])
    try {
      for (const what of acts) {
        if (!onKernel(merged, what)) continue
        carriedOut++
        for (const run of runs) onEngine(run.engine.operations, what)
        for (const run of runs) run.write()
      }
      const right = kernelShows(merged)
      for (const [at, run] of runs.entries()) assert.deepEqual(shows(run), right, SIDES[at])
      for (const run of runs) run.close()
    } finally {
      execFileSync('umount', [merged])
    }
  }
  checkView(index['-anew'], stage)
}

/** The rebuilt index knows every directory, so its view must name all that shows. */
function checkView(index: string, stage: Stage): void {
  const queries = openIndex(index)
  assert.ok(!(queries instanceof StratafsError))
  const named = queries.db.prepare('SELECT path FROM owners ORDER BY path').pluck().all()
  queries.close()
  const run = new Run(stage, { side: '-anew' })
  assert.deepEqual(
    named,
    picture(run)
      .map((line) => line.split(' ')[0])
      .sort(),
  )
  run.close()
}

const skip = process.getuid?.() === 0 ? false : 'kernel overlayfs is mounted as root'

test('histories end alike on kernel overlayfs and with the index off, kept and built anew', { skip }, async () => {
  await fc.assert(
    fc.asyncProperty(layers, stretches, async (stack, history) => {
      const stage = new Stage(stack)
      try {
        await replay(stage, history)
      } finally {
        stage.remove()
      }
    }),
    { includeErrorInReport: true, numRuns: Number(process.env.STRATAFS_INDEX_RUNS ?? 25) },
  )
  assert.ok(carriedOut > 20, `${carriedOut} operations`)
})
