/**
 * Documents that somebody else wrote: whatever is in them, reading ends in what was asked for or in a sentence; no name
 * reaches a terminal raw.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkoutRoot } from '../../scripts/checkout.js'
import { StratafsError } from '../../src/base/failure.js'
import { Layout } from '../../src/oci/image/layout.js'
import { historyOf, inspectImage, listImages } from '../../src/oci/image/listing.js'
import { readImage } from '../../src/oci/store/images.js'
import { EVIL, odd, replaced, write } from './odd-documents.js'
import { inScratch } from './scratch.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
const readers = (path: string): (() => unknown)[] => [
  () => listImages(Layout.open(path)),
  () => historyOf(Layout.open(path), Layout.open(path).image('t')),
  () => inspectImage(Layout.open(path), Layout.open(path).image('t')),
  () => readImage({ layout: path, tag: 't' }),
]

describe('documents of images', () => {
  it('of any shape end in a sentence', () =>
    inScratch((folder) => {
      let run = 0
      fc.assert(
        fc.property(
          fc.constantFrom('config', 'manifest', 'entry', 'index', 'version'),
          fc.nat(30),
          odd,
          (part, left, by) => {
            const path = join(folder, String(run++))
            write(path, (name, value) => (name === part ? replaced(value, { left }, by) : value))
            for (const read of readers(path)) {
              try {
                read()
              } catch (error) {
                assert.ok(error instanceof StratafsError, (error as Error).stack)
              }
            }
          },
        ),
        { numRuns: 400 },
      )
    }))

  it('put nothing on a terminal but text', () =>
    inScratch((folder) => {
      const path = join(folder, 'img')
      const name = { 'org.opencontainers.image.ref.name': `t${EVIL}` }
      write(path, (part, value) => (part === 'entry' ? { ...value, annotations: name } : value))
      const run = (...args: string[]) => execFileSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
      for (const words of [
        ['image', 'list', path],
        ['image', 'history', path],
        ['image', 'inspect', path],
        ['image', 'list', path, '--json'],
      ])
        assert.doesNotMatch(run(...words), /[^\P{Cc}\n]|\p{Cf}/u)
      assert.equal(run('image', 'list', path).split('\n').length, 3, 'the header and one line')
      assert.equal(JSON.parse(run('image', 'list', path, '--json')).images[0].tag, `t${EVIL}`)
    }))
})
