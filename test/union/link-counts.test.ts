/**
 * The nlink mark: the union's link count relative to a real one.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLinks } from '../../src/union/lookup/lookup.js'

describe('an nlink mark', () => {
  const cases: [string | null, number, number, number | null][] = [
    ['U+0', 2, 9, 2],
    ['U+3', 2, 9, 5],
    ['U-1', 3, 9, 2],
    ['L+0', 9, 4, 4],
    ['L-2', 9, 4, 2],
    ['L+10', 9, 4, 14],
    ['U-1', 1, 9, null],
    ['U-5', 1, 9, null],
    ['X+1', 1, 1, null],
    ['U1', 1, 1, null],
    ['U+', 1, 1, null],
    ['U+1 ', 1, 1, null],
    ['', 1, 1, null],
    [null, 1, 1, null],
  ]
  for (const [text, upper, lower, wanted] of cases)
    it(`${JSON.stringify(text)} with ${upper} upper and ${lower} lower links is ${wanted}`, () => {
      assert.equal(parseLinks(text, upper, lower), wanted)
    })
})
