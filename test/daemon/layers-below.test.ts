/**
 * Lower layers that are more than a tree beside the upper: data-only ones, whose names never show, and one that lies
 * above the upper and the workdir, from which these two are not entered. Each is what kernel overlayfs shows for the
 * same layers.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { needsRoot, type Workspace, workspace } from './harness.js'

function mark(path: string, name: string, value = ''): void {
  const words = ['-n', `trusted.overlay.${name}`, ...(value === '' ? [] : ['-v', value]), path]
  assert.equal(spawnSync('setfattr', words).status, 0, `setfattr ${name}`)
}

/** `top/f` has its content in a data-only layer. */
function metacopy(w: Workspace, redirect: string): void {
  writeFileSync(join(w.top, 'f'), '')
  truncateSync(join(w.top, 'f'), 6)
  mark(join(w.top, 'f'), 'metacopy')
  mark(join(w.top, 'f'), 'redirect', redirect)
}

function dataLayers(w: Workspace): { first: string; second: string } {
  const layers = { first: join(w.root, 'd1'), second: join(w.root, 'd2') }
  for (const path of Object.values(layers)) mkdirSync(join(path, 'objects'), { recursive: true })
  return layers
}

const skip = spawnSync('setfattr', ['--version']).status === 0 ? needsRoot : { skip: 'setfattr is not there' }

for (const index of ['off', 'on'])
  for (const redirects of ['on', 'nofollow'])
    test(`data-only lowers, index=${index}, redirect_dir=${redirects}`, skip, (t) => {
      const w = workspace(t)
      const { first, second } = dataLayers(w)
      writeFileSync(join(second, 'objects/blob'), 'hello\n')
      metacopy(w, '/objects/blob')
      const options = `lowerdir=${w.top}::${first}::${second},index=${index},redirect_dir=${redirects}`
      for (const upper of ['', `,upperdir=${w.upper},workdir=${w.work}`]) {
        assert.deepEqual(w.run('mount', '-o', options + upper, w.merged).stderr, '')
        assert.ok(!readdirSync(w.merged).includes('objects'))
        assert.throws(() => readdirSync(join(w.merged, 'objects')), { code: 'ENOENT' })
        assert.equal(readFileSync(join(w.merged, 'f'), 'utf8'), 'hello\n')
        if (upper !== '') writeFileSync(join(w.merged, 'f'), 'more\n', { flag: 'a' })
        if (upper !== '') assert.equal(readFileSync(join(w.merged, 'f'), 'utf8'), 'hello\nmore\n')
        assert.match(w.run('inspect', w.merged).stdout, /::[^:]+\/d1::/)
        assert.equal(w.run('unmount', w.merged).status, 0)
      }
      assert.equal(readFileSync(join(second, 'objects/blob'), 'utf8'), 'hello\n')
    })

test('content that no data-only layer has is EIO, and so is one with a digest under verity=on', skip, (t) => {
  const w = workspace(t)
  const { first } = dataLayers(w)
  metacopy(w, '/objects/blob')
  assert.equal(w.run('mount', '-o', `lowerdir=${w.top}::${first}`, w.merged).status, 0)
  assert.throws(() => readFileSync(join(w.merged, 'f')), { code: 'EIO' })
  assert.equal(w.run('unmount', w.merged).status, 0)
  writeFileSync(join(first, 'objects/blob'), 'hello\n')
  mark(join(w.top, 'f'), 'metacopy', `0x00240001${'ab'.repeat(32)}`)
  assert.equal(w.run('mount', '-o', `lowerdir=${w.top}::${first},verity=on`, w.merged).status, 0)
  assert.throws(() => readFileSync(join(w.merged, 'f')), { code: 'EIO' })
  assert.equal(w.run('unmount', w.merged).status, 0)
})

/** A lower layer with upper, workdir and mountpoint in it. */
function nested(t: TestContext) {
  const w = workspace(t)
  for (const name of ['in/u', 'in/w', 'in/m', 'plain']) mkdirSync(join(w.base, name), { recursive: true })
  writeFileSync(join(w.base, 'plain/f'), 'below')
  const inside = (name: string) => join(w.base, 'in', name)
  return { w, upper: inside('u'), work: inside('w'), merged: inside('m') }
}

const sh = (cwd: string, script: string) =>
  spawnSync('bash', ['-c', script], { cwd, encoding: 'utf8', timeout: 60_000, env: { ...process.env, LC_ALL: 'C' } })

for (const index of ['off', 'on'])
  test(`a lower above upper, workdir and mountpoint, index=${index}`, needsRoot, (t) => {
    const { w, upper, work, merged } = nested(t)
    const options = `lowerdir=${w.base},upperdir=${upper},workdir=${work},index=${index},index_fill=background`
    assert.equal(w.run('mount', '-o', options, merged).stderr, '')
    t.after(() => w.run('unmount', merged))
    for (const round of ['new', 'known']) {
      const { stdout, stderr } = sh(merged, 'find .')
      assert.ok(stdout.split('\n').includes('./in/m'), round)
      assert.match(stderr, /in\/u.*Too many levels/)
      assert.match(stderr, /in\/w.*Too many levels/)
    }
    assert.deepEqual(readdirSync(join(merged, 'in')).sort(), ['m', 'u', 'w'])
    assert.deepEqual(readdirSync(join(merged, 'in/m')), [])
    writeFileSync(join(merged, 'plain/f'), 'above')
    assert.equal(readFileSync(join(w.base, 'plain/f'), 'utf8'), 'below')
    assert.match(sh(merged, 'mkdir in/u/x').stderr, /Too many levels/)
    assert.match(sh(merged, 'rm -rf in').stderr, /Too many levels/)
    assert.ok(existsSync(join(upper, 'plain/f')))
    assert.equal(sh(merged, `cp -a plain in/m && cp -a . ${w.root}/copy; test -f ${w.root}/copy/plain/f`).status, 0)
    for (const [name, path] of [
      ['which', 'plain/f'],
      ['du', ''],
      ['ls', ''],
    ] as const) {
      const answer = w.run(name, join(merged, path))
      assert.equal(answer.status, 0, `${name}: ${answer.stderr}`)
    }
    assert.match(w.run('diff', merged).stdout, /^C\S*\s+.*plain\/f$/m)
    assert.doesNotMatch(w.run('diff', merged).stdout, /in\/[uw]/)
    const layer = join(w.root, 'layer.tar')
    assert.equal(w.run('commit', merged, '--output', layer).status, 0)
    const names = spawnSync('tar', ['-tf', layer], { encoding: 'utf8' }).stdout
    assert.ok(names.split('\n').includes('plain/f'), names)
    assert.doesNotMatch(names, /in\/[uw]/)
    if (index === 'on') {
      for (const action of ['build', 'verify'])
        assert.equal(w.run('index', action, merged).status, 0, `${action}: ${w.run('index', action, merged).stderr}`)
      assert.doesNotMatch(w.run('ls', '--layers', join(merged, 'in')).stdout, /index\.db/)
    }
    assert.equal(w.run('unmount', merged).status, 0)
    rmSync(join(w.root, 'copy'), { recursive: true })
  })
