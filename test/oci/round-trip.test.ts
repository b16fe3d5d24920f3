/**
 * What was changed in a mount, committed as a layer and applied over the same lower layers elsewhere, is the same tree:
 * content, owner, mode, times to the nanosecond, attributes, hard links. Each change of the interchange table and
 * random histories, written through our mount and through kernel overlayfs, and looked at through both again.
 * STRATAFS_HISTORIES sets how many histories (3), STRATAFS_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { policyOf } from '../../src/oci/apply/policy.js'
import { unpack } from '../../src/oci/apply/unpack.js'
import { commitArchive } from '../../src/oci/commit/commit.js'
import type { Compression } from '../../src/oci/encoding/compression.js'
import type { MountOptions } from '../conformance/case.js'
import type { Layers } from '../conformance/columns.js'
import { Ground } from '../conformance/ground.js'
import type { Probe } from '../conformance/probe.js'
import type { Tree } from '../conformance/tree.js'
import { lowers as changedLowers, changes } from '../interchange/changes.js'
import { Exchange, look, missing, type Side, through } from '../interchange/exchange.js'
import { histories, lowers as historyLowers, perform } from '../interchange/history.js'

const RUNS = Number(process.env.STRATAFS_HISTORIES ?? 3)
const SEED = process.env.STRATAFS_SEED ? Number(process.env.STRATAFS_SEED) : Date.now() % 1_000_000_000
const limits = { interruptAfterTimeLimit: 1000 * (RUNS * 15 + Number(process.env.STRATAFS_SHRINK ?? 60)) }

let exchange: Exchange
let ground: Ground

/** The picture without what a layer does not carry: sockets, and how many names of a lower group were hidden. */
function carried(picture: readonly string[]): string[] {
  return picture.filter((line) => !/^\S+ 14\d{4} /.test(line)).map((line) => line.replace(/ nlink=\d+/, ''))
}

/** Commits what `layers` holds, and applies it over the same lowers. */
async function movedElsewhere(layers: Layers, compression: Compression = 'none'): Promise<Layers> {
  const plot = ground.plot()
  const archive = join(plot, 'layer.tar')
  const source = { upper: layers.upper!, lowers: layers.lowers, work: layers.work, userxattr: null }
  const wish = { source, squash: false, live: false, timestamp: null, compression }
  const { digest, diffID } = await commitArchive(wish, archive)
  const directory = join(plot, 'applied')
  await unpack({ archive, directory, policy: policyOf({}), digest, diffID, lowers: layers.lowers, sync: false })
  const place = (name: string) => {
    ground.disk.mkdir(join(plot, name), 0o755)
    return join(plot, name)
  }
  const lowers = [directory, ...layers.lowers]
  return { lowers, upper: place('upper'), work: place('work'), merged: place('merged') }
}

async function same(tree: readonly Tree[], options: MountOptions, writer: Side, act: (fs: Probe) => void) {
  const stage = exchange.stage(writer)
  const layers = stage.layers({ lowers: tree })
  const before = exchange.lowersOf(layers)
  const shown = through(stage, layers, options, (fs) => {
    act(fs)
    return carried(look(fs))
  })
  const moved = await movedElsewhere(layers)
  for (const reader of writer === 'ours' ? (['ours', 'kernel'] as const) : (['ours'] as const)) {
    const seen = through(exchange.stage(reader), moved, {}, (fs) => carried(look(fs)))
    assert.deepEqual(withoutRoot(seen), withoutRoot(shown), `${reader} shows another tree than was committed`)
  }
  assert.deepEqual(exchange.lowersOf(layers), before, 'a lower layer was changed')
}

/** The root's own line: the new upper's, which was made for the look. */
function withoutRoot(picture: readonly string[]): string[] {
  return picture.filter((line) => !line.startsWith('. '))
}

describe('commit and apply', { skip: missing(['ours', 'kernel']) }, () => {
  before(() => {
    ground = new Ground()
    exchange = new Exchange(ground)
  })
  after(() => exchange?.close())
  for (const writer of ['ours', 'kernel'] as const)
    for (const change of changes)
      it(`${writer}: ${change.name}`, () => same(changedLowers, change.options ?? {}, writer, change.act))
  for (const writer of ['ours', 'kernel'] as const)
    it(`${writer}: random histories (${RUNS}, seed ${SEED})`, async () => {
      const property = fc.asyncProperty(histories(60), async (steps) => {
        await same(historyLowers, { metacopy: 'on' }, writer, (fs) => {
          for (const step of steps) perform(fs, step)
        })
      })
      await fc.assert(property, { numRuns: RUNS, seed: SEED, ...limits })
    })
})
