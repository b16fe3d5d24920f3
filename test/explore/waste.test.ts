/**
 * One number for what is wasted, whoever says it: `image waste`, `image check`, the stack, the waste by path and by
 * instruction, to the byte. Shown with layers in which names are hidden in every way, and with random ones.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkImage } from '../../src/explore/check.js'
import { Explorer } from '../../src/explore/explorer.js'
import type { Overview, Waste } from '../../src/explore/views/types.js'
import { imageWaste } from '../../src/library/image-waste.js'
import { archive, directory, file, hardLink, header, pax, symlink } from '../oci/archive.js'
import { makeLayoutOf } from './images.js'

let folder = ''
let made = 0
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-waste-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function imageOf(layers: readonly (readonly Buffer[])[]): string {
  const tars = layers.map((parts, at) => ({ tar: archive(...parts), isPacked: at % 2 === 0 }))
  return `${makeLayoutOf(join(folder, `layout-${made++}`), [{ name: 'app', layers: tars, history: [] }])}:app`
}

/** All that say how much is wasted, of the same image. */
async function toldOf(image: string) {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  const { bytes, wasted, efficiency, layers } = await imageWaste(image)
  const check = await checkImage(image, { maxWasted: wasted })
  const explorer = await Explorer.open({ name: image })
  try {
    await explorer.filling.done
    const view = explorer.view('waste?limit=2000') as Waste
    const overview = explorer.view('overview') as Overview
    const totals = {
      wasted: [wasted, check.wasted, view.wasted, overview.wasted, sum(view.rows.map((row) => row.bytes))],
      byInstruction: [wasted, sum(view.instructions.map((each) => each.bytes))],
      bytes: [bytes, check.bytes, view.bytes, overview.bytes],
    }
    const kept = 1 - efficiency
    const ratios = [check.wastedRatio, view.ratio].map((ratio) => Math.abs(ratio - kept) < 1e-9)
    const byLayer = overview.layers.map((layer) => [layer.bytes, layer.wasted])
    const expected = layers.map((layer) => [layer.bytes, layer.hidden])
    const hides = view.instructions.map(({ layer, bytes: hidden }) => [layer + 1, hidden]).sort()
    const expectedHides = layers.filter((layer) => layer.hides > 0).map((layer) => [layer.layer, layer.hides])
    return {
      wasted,
      passed: check.passed,
      totals,
      ratios,
      byLayer,
      expected,
      hides,
      expectedHides: expectedHides.sort(),
    }
  } finally {
    await explorer.close()
  }
}

async function agree(image: string, what: string): Promise<number> {
  const told = await toldOf(image)
  for (const [name, numbers] of Object.entries(told.totals))
    assert.deepEqual(numbers, Array(numbers.length).fill(numbers[0]), `${what}: ${name}`)
  assert.deepEqual(told.byLayer, told.expected, `${what}: by layer`)
  assert.deepEqual(told.hides, told.expectedHides, `${what}: by hiding layer`)
  assert.deepEqual([told.passed, ...told.ratios], [true, true, true], what)
  return told.wasted
}

const content = (length: number) => Buffer.alloc(length, 'x')
const sparse = Buffer.concat([
  pax([
    ['GNU.sparse.size', '50000'],
    ['GNU.sparse.map', '20000,4,50000,0'],
  ]),
  file('holes', 'data'),
])

const CASES: readonly (readonly [what: string, wasted: number, layers: Buffer[][]])[] = [
  ['overwritten', 10, [[file('a', content(10))], [file('a', content(3))]]],
  ['deleted', 10, [[file('a', content(10))], [file('.wh.a')]]],
  ['deleted and written again', 13, [[file('a', content(10))], [file('a', content(3))], [file('.wh.a')]]],
  ['in a deleted directory', 10, [[directory('d/'), file('d/a', content(10))], [file('.wh.d')]]],
  [
    'in an opaque one',
    10,
    [
      [directory('d/'), file('d/a', content(10))],
      [directory('d/'), file('d/.wh..wh..opq')],
    ],
  ],
  ['a directory became a file', 10, [[directory('d/'), file('d/a', content(10))], [file('d', content(2))]]],
  ['a file became a directory', 10, [[file('d', content(10))], [directory('d/'), file('d/a', content(2))]]],
  ['a whiteout beside its own entry', 10, [[file('a', content(10))], [file('.wh.a'), file('a', content(4))]]],
  ['a device 0:0', 10, [[file('a', content(10))], [header({ name: 'a', flag: '3' })]]],
  ['the other name stays', 0, [[file('a', content(10)), hardLink('b', 'a')], [file('.wh.a')]]],
  ['the first name stays', 0, [[file('a', content(10)), hardLink('b', 'a')], [file('.wh.b')]]],
  ['both names go', 10, [[file('a', content(10)), hardLink('b', 'a')], [file('.wh.a')], [file('.wh.b')]]],
  [
    'a link of a link',
    10,
    [[file('a', content(10)), hardLink('b', 'a'), hardLink('c', 'b')], [file('.wh.a'), file('.wh.b')], [file('c')]],
  ],
  ['twice in one layer', 10, [[file('a', content(10)), file('a', content(4))]]],
  [
    'three times, then deleted',
    17,
    [[file('a', content(10)), file('a', content(4)), file('a', content(3))], [file('.wh.a')]],
  ],
  ['holes are no bytes', 4, [[sparse], [file('.wh.holes')]]],
  [
    'through a link of its own layer',
    10,
    [
      [directory('usr/'), directory('usr/lib/'), symlink('lib', 'usr/lib'), file('lib/a', content(10))],
      [file('usr/lib/.wh.a')],
    ],
  ],
  ['nothing', 0, [[file('a', content(10))], [file('b', content(10))]]],
]

test('waste is one number, however a file is hidden', async () => {
  for (const [what, wasted, layers] of CASES) assert.equal(await agree(imageOf(layers), what), wasted, what)
})

/** Numbers below `most`, the same in every run. */
function dice(seed: number): (most: number) => number {
  let state = seed
  return (most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >> 8) % most
  }
}

const NAMES = ['a', 'b', 'c', 'd/a', 'd/b', 'd/e/a', 'd/e/b', 'f/a', 'f/b']

/** A layer: files, other names of them, whiteouts, opaque directories. Names of one kind stand for one thing in it. */
function randomLayer(roll: (most: number) => number): Buffer[] {
  const parts: Buffer[] = []
  const files: string[] = []
  for (const name of NAMES) {
    const kind = roll(6)
    const slash = name.lastIndexOf('/') + 1
    if (kind < 2) parts.push(file(name, content(1 + roll(100))))
    if (kind < 2) files.push(name)
    if (kind === 2) parts.push(file(`${name.slice(0, slash)}.wh.${name.slice(slash)}`))
    if (kind === 3 && files.length > 0) parts.push(hardLink(name, files[roll(files.length)]!))
  }
  for (const name of ['d', 'd/e', 'f']) {
    if (roll(8) === 0) parts.push(directory(`${name}/`), file(`${name}/.wh..wh..opq`))
    const isHeld = [...NAMES].some((each) => each.startsWith(`${name}/`) && parts.some((part) => part.includes(each)))
    if (roll(8) === 0 && !isHeld) parts.push(file(`${name.replace(/[^/]+$/, '.wh.$&')}`))
  }
  return parts
}

test('waste is one number of random layers', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const roll = dice(seed * 7_919)
    const layers = Array.from({ length: 2 + roll(4) }, () => randomLayer(roll))
    await agree(imageOf(layers), `seed ${seed}`)
  }
})
