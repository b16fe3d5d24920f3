/**
 * `stratafs layer add|remove|replace`: after each change the mount shows what a fresh mount of the same stack shows,
 * also where the kernel and the engine knew names, lists and files before.
 */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { contentsOf, differences } from '../snapshots/tree.js'
import { needsRoot, type Workspace, workspace } from './harness.js'

/** Layers, an upper that hides and joins parts of them, and a mount of it all. */
function prepared(t: TestContext, options: string): Workspace {
  const w = workspace(t)
  const at = (path: string): string => join(w.root, path)
  for (const name of [
    'fresh',
    'extra/d/deep',
    'extra/opaque',
    'extra/was-file',
    'other/d',
    'base/d/deep',
    'base/opaque',
  ])
    fs.mkdirSync(at(name), { recursive: true })
  for (const path of ['base/d/one', 'base/d/deep/x', 'base/opaque/hidden', 'base/was-file', 'base/was-dir/z', 'base/h'])
    write(at(path), 'base')
  for (const path of ['extra/a', 'extra/d/two', 'extra/d/deep/y', 'extra/opaque/shown', 'extra/was-dir', 'extra/only'])
    write(at(path), 'extra')
  for (const path of ['other/only', 'other/d/three', 'other/b']) write(at(path), 'other')
  fs.linkSync(at('base/h'), at('base/d/h2'))
  whiteout(at('extra/b'))
  opaque(at('extra/opaque'))
  done(w, 'mount', '-o', `${w.options},${options}`, w.merged)
  fs.appendFileSync(join(w.merged, 'd/one'), ' and upper')
  fs.rmSync(join(w.merged, 'd/deep/x'))
  write(join(w.merged, 'made/here'), 'upper')
  return w
}

function write(path: string, text: string): void {
  fs.mkdirSync(join(path, '..'), { recursive: true })
  fs.writeFileSync(path, `${path.split('/').pop()} of ${text}`)
}

function whiteout(path: string): void {
  fs.writeFileSync(join(path, '..', `.wh.${path.split('/').pop()}`), '')
}

function opaque(path: string): void {
  fs.writeFileSync(join(path, '.wh..wh..opq'), '')
}

function done(w: Workspace, ...words: string[]): string {
  const { status, stdout, stderr } = w.run(...words)
  assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

/** The lower layers, after a change. */
function layer(w: Workspace, action: string, ...words: string[]): string[] {
  return JSON.parse(done(w, 'layer', action, w.merged, ...words, '--json')).lowers
}

/** Everything is looked at, so that the kernel knows it, and names that are not there too. */
function look(w: Workspace): void {
  contentsOf(w.merged)
  for (const name of ['only', 'd/two', 'd/three', 'none']) fs.existsSync(join(w.merged, name))
}

/** As a mount of the same stack has it, the upper as one more layer. */
function asFresh(w: Workspace, lowers: readonly string[], when: string): void {
  const fresh = join(w.root, 'fresh')
  const stack = [w.upper, ...lowers].join(':')
  done(w, 'mount', '-o', `ro,lowerdir=${stack}`, fresh)
  assert.equal(differences(contentsOf(fresh), contentsOf(w.merged)), '', when)
  done(w, 'unmount', fresh)
}

for (const data of ['passthrough', 'cached'])
  test(`layers come and go under a mount in use (${data})`, needsRoot, (t) => {
    const w = prepared(t, `data=${data}`)
    const [extra, other] = [join(w.root, 'extra'), join(w.root, 'other')]
    look(w)
    const held = fs.openSync(join(w.merged, 'a'), 'r')
    const made = fs.openSync(join(w.merged, 'made/here'), 'r+')
    const one = fs.openSync(join(w.merged, 'd/one'), 'r')
    const added = layer(w, 'add', extra)
    assert.deepEqual(added, [extra, w.top, w.base])
    asFresh(w, added, 'after an addition')
    // Who had files open has them still.
    assert.equal(fs.readFileSync(held, 'utf8'), 'top a\n')
    fs.writeSync(made, 'UPPER', 8)
    assert.equal(fs.readFileSync(join(w.merged, 'made/here'), 'utf8'), 'here of UPPER')
    fs.closeSync(held)
    // A change to a file of the new layer comes to the upper.
    fs.appendFileSync(join(w.merged, 'd/two'), '!')
    assert.equal(fs.readFileSync(join(w.upper, 'd/two'), 'utf8'), 'two of extra!')
    look(w)
    // A file that is open since before is found under its next name; a whiteout takes its own.
    fs.renameSync(join(w.merged, 'd/one'), join(w.merged, 'made/one'))
    assert.equal(fs.fstatSync(one).ino, fs.statSync(join(w.merged, 'made/one')).ino)
    fs.closeSync(one)
    const open = fs.openSync(join(w.merged, 'only'), 'r')
    const refused = w.run('layer', 'remove', w.merged, extra)
    assert.notEqual(refused.status, 0)
    assert.match(refused.stderr, /a layer that would go is needed: \/only is open/)
    fs.closeSync(open)
    asFresh(w, layer(w, 'replace', 'extra', `new=${other}`), 'after a replacement')
    const inspected = JSON.parse(w.run('inspect', '--json', w.merged).stdout)[0]
    assert.equal(inspected.GraphDriver.Data.LowerDir, [other, w.top, w.base].join(':'))
    assert.match(w.run('which', join(w.merged, 'only')).stdout, /new/)
    look(w)
    asFresh(w, layer(w, 'remove', 'new'), 'after a removal')
    assert.match(fs.readFileSync(join(w.merged, 'd/two'), 'utf8'), /two of extra!/)
    fs.closeSync(made)
    done(w, 'unmount', w.merged)
    // What is said at the next mount would be in its log: the upper belongs to the stack that it was left on.
    done(w, 'mount', '-o', w.options, w.merged)
    asFresh(w, [w.top, w.base], 'after a mount')
    assert.doesNotMatch(w.run('inspect', w.merged).stdout, /made over another lower layer/)
  })

test('what cannot be is refused by name, with nothing done', needsRoot, (t) => {
  const w = prepared(t, 'metacopy=on')
  const refused = (...words: string[]): string => {
    const { status, stderr } = w.run('layer', words[0]!, w.merged, ...words.slice(1))
    assert.notEqual(status, 0, words.join(' '))
    return stderr
  }
  assert.match(refused('add', join(w.root, 'none')), /none does not exist/)
  assert.match(refused('add', w.top), /top is a layer of this mount already/)
  assert.match(refused('add', join(w.upper, 'made')), /overlap/)
  assert.match(refused('remove', 'nothing'), /no such lower layer: nothing/)
  assert.match(refused('remove', w.top, w.base), /one lower layer at least/)
  fs.chmodSync(join(w.merged, 'b'), 0o600)
  assert.match(refused('remove', w.base), /\/b has its content there/)
  fs.appendFileSync(join(w.merged, 'b'), '.')
  fs.appendFileSync(join(w.merged, 'h'), '.')
  assert.match(refused('remove', w.base), /\/(h|d\/h2) has names there, and was copied up/)
  assert.deepEqual(
    JSON.parse(w.run('inspect', '--json', w.merged).stdout)[0].GraphDriver.Data.LowerDir,
    `${w.top}:${w.base}`,
  )
  assert.equal(w.run('snapshot', 'create', w.merged, 'one').status, 0)
  assert.match(refused('add', join(w.root, 'extra')), /stands on snapshots keeps its layers/)
})
