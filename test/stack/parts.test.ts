/**
 * Parts of a merged directory that are known by the numbers of their layers: they are the same as those that are made
 * at once, and nothing is made that nobody asks for.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Layer, LayerDir } from '../../src/layers/layer-dir.js'
import { packLayers } from '../../src/stack/layer-list.js'
import { commonPath, existing, LayerSet, LayerSets, LazyLayerDirs, partIn, partsIn } from '../../src/stack/parts.js'

const DEPTH = 200

/** The roots of so many layers. */
function rootsOf(depth: number): LayerDir[] {
  return Array.from({ length: depth }, (_, index) => new LayerDir({ position: index } as Layer, null, ''))
}

const layersOf = (parts: Iterable<LayerDir>): number[] => Array.from(parts, (part) => part.layer.position)

describe('joined parts', () => {
  const sets = new LayerSets()
  const roots = rootsOf(DEPTH)

  it('are made one by one, and once', () => {
    const usr = new LazyLayerDirs(roots, sets.of([1, 4, 199]), 'usr', DEPTH)
    const lib = new LazyLayerDirs(usr, sets.of([4, 199]), 'lib', DEPTH)
    assert.equal(lib.length, 2)
    assert.deepEqual([...existing(lib)], [])
    const part = lib.at(0)!
    assert.equal(part.path(), 'usr/lib')
    assert.equal(part.layer.position, 4)
    assert.equal(part.parent, partIn(usr, 4))
    assert.equal(lib.at(0), part)
    assert.deepEqual([layersOf(existing(lib)), layersOf(existing(usr))], [[4], [4]])
    assert.deepEqual([lib.at(2), lib.at(-1)], [undefined, undefined])
    assert.deepEqual(layersOf(lib), [4, 199])
  })

  it('of some layers are those in them', () => {
    const usr = new LazyLayerDirs(roots, sets.of([1, 4, 7, 199]), 'usr', DEPTH)
    const some = partsIn(usr, sets.of([4, 199]))
    assert.equal(some.at(1), usr.at(3))
    assert.deepEqual(layersOf(existing(usr)), [199])
    assert.deepEqual([some.length, layersOf(some), some.at(2)], [2, [4, 199], undefined])
    assert.equal(partsIn(usr, usr.set), usr)
  })

  it('may lie as deep as one likes', () => {
    const set = sets.of([2, 3])
    let parts = new LazyLayerDirs(roots, set, 'a', DEPTH)
    for (let depth = 1; depth < 50_000; depth++) parts = new LazyLayerDirs(parts, set, 'a', DEPTH)
    assert.equal(parts.path(99_999)?.length, 99_999)
    assert.equal(parts.path(99_998), null)
    assert.equal(parts.at(1)!.layer.position, 3)
  })

  it('are inspected but for those of the lowest layer, whose marks lead nowhere', () => {
    const usr = new LazyLayerDirs(roots, sets.of([0, 198, 199]), 'usr', DEPTH)
    assert.deepEqual(
      Array.from(usr, (part) => part.inspected),
      [true, true, false],
    )
  })

  it('have one path where those above have one', () => {
    assert.equal(commonPath(new LazyLayerDirs(roots, sets.of([0, 1]), 'usr', DEPTH), 4096), 'usr')
    const same = [0, 1].map((at) => new LayerDir(roots[at]!.layer, roots[at]!, 'a'))
    const other = [same[0]!, new LayerDir(roots[1]!.layer, roots[1]!, 'b')]
    assert.equal(commonPath(new LazyLayerDirs(same, sets.of([0, 1]), 'c', DEPTH), 4096), 'a/c')
    assert.equal(commonPath(new LazyLayerDirs(other, sets.of([0, 1]), 'c', DEPTH), 4096), null)
  })
})

describe('sets of layers', () => {
  const layers = fc.uniqueArray(fc.nat(65_535), { maxLength: 300 }).map((all) => all.sort((a, b) => a - b))

  it('know their members', () => {
    fc.assert(
      fc.property(layers, fc.nat(65_535), (all, other) => {
        const set = new LayerSet(all)
        assert.deepEqual(
          all.map((layer) => set.positionOf(layer)),
          all.map((_, at) => at),
        )
        assert.equal(set.has(other), all.includes(other))
      }),
    )
  })

  it('lie within another or not, whatever was asked before', () => {
    fc.assert(
      fc.property(layers, layers, (some, all) => {
        const set = new LayerSet(some)
        const both = new LayerSet([...new Set([...some, ...all])].sort((a, b) => a - b))
        assert.ok(set.isWithin(both) && set.isWithin(both) && set.isWithin(set))
        const expected = some.every((layer) => all.includes(layer))
        assert.equal(set.isWithin(new LayerSet(all)), expected)
      }),
    )
  })

  it('are one object each, and equal where there are too many for that', () => {
    const sets = new LayerSets()
    assert.equal(sets.of([1, 2]), sets.ofPacked(packLayers([1, 2])))
    assert.equal(sets.of([1, 2]), sets.ofParts(new LazyLayerDirs(rootsOf(3), sets.of([1, 2]), 'a', 3)))
    assert.equal(sets.of([0, 1, 2]), sets.ofParts(rootsOf(3)))
    for (let layer = 0; layer < 5000; layer++) sets.of([layer, 60_000])
    const late = sets.of([7, 8, 9])
    assert.ok(late.equals(sets.of([7, 8, 9])))
    assert.ok(!late.equals(sets.of([7, 8])) && !late.equals(sets.of([7, 8, 10])))
  })
})
