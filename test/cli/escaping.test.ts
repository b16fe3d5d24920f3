/**
 * Names that would clear the screen, turn the reading direction or begin a line of their own: no command lets one
 * through, on standard output or standard error, for a reader or as JSON.
 */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fromText } from '../../src/base/text.js'
import { Layout, MediaType } from '../../src/oci/image/layout.js'
import { needsRoot, type Workspace, workspace } from '../daemon/harness.js'
import { archive, directory, file, hardLink } from '../oci/archive.js'

const CODES = '\u001b[2J\u202e\u009b\u2028\r'
const EVIL = `x${CODES}\nINJECTED`
/** In an archive names are bytes. */
const BYTES = fromText(EVIL)
const HARMFUL = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]|^\s*INJECTED/mu

/** Runs a command that has something of an evil name to tell, and does. */
function says(w: Workspace, status: number, ...args: string[]): void {
  const done = w.run(...args)
  const called = JSON.stringify(args)
  assert.equal(done.status, status, `${called}: ${done.stderr}`)
  assert.doesNotMatch(done.stdout + done.stderr, HARMFUL, called)
  assert.match(
    done.stdout + done.stderr,
    /\\u001b\[2J/,
    `${called} tells of no such name: ${done.stdout}${done.stderr}`,
  )
}

/** Layers, an upper and a layout called so, with such names in them. */
function prepare(w: Workspace) {
  const at = (name: string) => join(w.root, name + EVIL)
  for (const name of ['base', 'upper', 'work', 'merged']) renameSync(join(w.root, name), at(name))
  for (const name of ['base', 'upper']) {
    mkdirSync(join(at(name), EVIL))
    writeFileSync(join(at(name), EVIL, EVIL), name)
  }
  writeFileSync(join(at('upper'), `new${EVIL}`), '')
  const layers = ['--upper', at('upper'), '--lower', at('base')]
  return { at, layers, upper: at('upper'), merged: at('merged') }
}

/** An image with such a tag, history and annotations; of a layer that has such a file. */
function layout(path: string): void {
  const made = Layout.openOrCreate(fromText(path))
  const layer = made.putBlob(MediaType.LAYER, archive(directory('./'), file(BYTES, 'x')))
  const manifest = { schemaVersion: 2 as const, annotations: { [EVIL]: EVIL }, layers: [layer] }
  const step = { created: EVIL, created_by: EVIL, comment: EVIL, author: EVIL }
  const labels = { Labels: { [EVIL]: EVIL } }
  const config = { architecture: EVIL, os: EVIL, created: EVIL, author: EVIL, config: labels, history: [step] }
  const rootfs = { type: 'layers' as const, diff_ids: [layer.digest] }
  for (const tag of [`t${EVIL}`, `u${EVIL}`]) made.putImage(tag, manifest, { ...config, rootfs } as never)
}

describe('no command lets a name through that a terminal would obey', () => {
  it('of those that ask about layers', (t) => {
    const w = workspace(t)
    const { at, layers, upper } = prepare(w)
    const index = ['--lower', at('base')]
    for (const json of [[], ['--json']]) {
      says(w, 0, 'which', ...layers, EVIL, ...json)
      says(w, 0, 'ls', ...layers, '/', ...json)
      says(w, 0, 'ls', '--layers', ...layers, `/${EVIL}`, ...json)
      says(w, 0, 'du', '--by-layer', ...layers, ...json)
      says(w, 0, 'diff', ...layers, ...json)
      says(w, 0, 'commit', '--dry-run', ...layers, ...json)
      assert.equal(w.run('index', 'build', ...index).status, 0)
      says(w, 0, 'index', 'status', ...index, ...json)
      assert.equal(w.run('index', 'drop', ...index).status, 0)
    }
    says(w, 0, 'du', ...layers, `/${EVIL}`)
    says(w, 0, 'commit', ...layers, '--output', `${upper}.tar`)
  })

  it('of those that read archives', (t) => {
    const w = workspace(t)
    const { at } = prepare(w)
    const path = at('a.tar')
    writeFileSync(path, archive(directory('./'), file(BYTES, 'x')))
    says(w, 0, 'apply', path, at('out'))
    says(w, 0, 'apply', path, at('out2'), '--json')
    says(w, 1, 'apply', path, at('out'))
    says(w, 1, 'apply', at('none'), at('out3'))
    writeFileSync(path, archive(file(BYTES, 'x'), file(`${BYTES}/y`, 'x')))
    says(w, 1, 'apply', path, at('out4'))
    writeFileSync(path, archive(directory('./'), hardLink(BYTES, BYTES)))
    says(w, 1, 'apply', path, at('out5'))
    writeFileSync(path, archive(file(`${BYTES}/.wh.x`)))
    says(w, 1, 'image', 'import', path, `${at('img')}:t`)
  })

  it('of those that read images', (t) => {
    const w = workspace(t)
    const { at } = prepare(w)
    const path = at('img')
    layout(path)
    const image = `${path}:t${EVIL}`
    const store = ['--store', at('store')]
    for (const json of [[], ['--json']]) {
      says(w, 0, 'image', 'list', path, ...json)
      says(w, 0, 'image', 'history', image, ...json)
      says(w, 0, 'image', 'unpack', image, at('store'), ...json)
      says(w, 0, 'image', 'rm', image, ...store, ...json)
      layout(path)
    }
    says(w, 0, 'image', 'inspect', image)
    says(w, 1, 'image', 'history', `${path}:none`)
    says(w, 1, 'image', 'history', path)
    says(w, 1, 'image', 'rm', `${path}:none`, ...store)
    says(w, 1, 'image', 'inspect', image, '--format', '{{.Config.Labels.none}}')
    writeFileSync(at('r.tar'), archive(directory('./'), file(BYTES, 'x')))
    says(w, 0, 'image', 'import', at('r.tar'), `${path}:new`)
    says(w, 0, 'image', 'import', at('r.tar'), `${path}:new2`, '--json')
  })

  it('of those that speak of a mount', needsRoot, (t) => {
    const w = workspace(t)
    const { at, layers, merged } = prepare(w)
    says(w, 1, 'mount', '--lower', at('none'), merged)
    says(w, 1, 'unmount', merged)
    assert.equal(w.run('mount', ...layers, '--work', at('work'), merged).status, 0)
    for (const json of [[], ['--json']]) {
      says(w, 0, 'which', join(merged, EVIL), ...json)
      says(w, 0, 'ls', '--layers', merged, ...json)
      says(w, 0, 'du', '--by-layer', merged, ...json)
      says(w, 0, 'diff', merged, ...json)
      says(w, 0, 'bundle', merged, at(`box${json.length}`), ...json)
    }
    says(w, 0, 'image', 'commit', merged, `${at('img')}:v`, '--base', 'none')
    says(w, 0, 'inspect', merged)
    says(w, 0, 'inspect', '--all')
    says(w, 1, 'which', join(merged, `none${EVIL}`))
    says(w, 1, 'bundle', merged, at('box0'))
    says(w, 1, 'mount', ...layers, '--work', at('work'), at('none'))
    assert.equal(w.run('unmount', merged).status, 0)
  })
})
