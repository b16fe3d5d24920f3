/**
 * Lower layers that are more than a tree beside the upper: data-only ones, whose names never show, and one that lies
 * above the upper and the workdir, from which these two are not entered. Each is what kernel overlayfs shows for the
 * same layers.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MAIN, needsRoot, type Workspace, workspace } from './harness.js'

function mark(path: string, name: string, value = '', kind = 'trusted'): void {
  const words = ['-n', `${kind}.overlay.${name}`, ...(value === '' ? [] : ['-v', value]), path]
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

test('content that no data-only layer has is ENOENT until it has, one with a digest EIO under verity=on', skip, (t) => {
  const w = workspace(t)
  const { first } = dataLayers(w)
  metacopy(w, '/objects/blob')
  const f = join(w.merged, 'f')
  assert.equal(w.run('mount', '-o', `lowerdir=${w.top}::${first}`, w.merged).status, 0)
  assert.equal(statSync(f).size, 6)
  assert.throws(() => readFileSync(f), { code: 'ENOENT' })
  writeFileSync(join(first, 'objects/blob'), 'hello\n')
  assert.equal(readFileSync(f, 'utf8'), 'hello\n')
  assert.equal(w.run('unmount', w.merged).status, 0)
  mark(join(w.top, 'f'), 'metacopy', `0x00240001${'ab'.repeat(32)}`)
  assert.equal(w.run('mount', '-o', `lowerdir=${w.top}::${first},verity=on`, w.merged).status, 0)
  assert.throws(() => readFileSync(join(w.merged, 'f')), { code: 'EIO' })
  assert.equal(w.run('unmount', w.merged).status, 0)
})

/** Marks below `meta`: content in the second data-only layer, in none, not said, at a symlink, in the layer itself. */
const MARKED: readonly (readonly [string, string])[] = [
  ['f', '/objects/blob'],
  ['sub/deep', '/objects/blob'],
  ['absent', '/objects/absent'],
  ['relative', 'blob'],
  ['none', ''],
  ['link', '/objects/link'],
  ['own', '/plain'],
]

/** What is done in a mount of $1, given how it is mounted and unmounted; all answers, with the error names. */
const ACT = `
look() { for n in f absent relative none link own sub/deep plain; do echo "$n $(stat -c '%s %F' $n 2>&1) $(cat $n 2>&1)"; done
  find . -maxdepth 2 2>&1 | sort; }
into() { mounted "$1" || exit 1; cd "$m"; }
out() { cd /; unmounted; }
into '' && look; out
into "$w" && look
echo more >> f; cat f; chmod 600 sub/deep; cat sub/deep; stat -c '%a %s' sub/deep; mv sub moved 2>/dev/null
for n in absent relative none link own; do mv $n to 2>/dev/null || echo "$n stays"; done
rm absent plain; mkdir plain; ls -A; out
into "$w" && look; out`

/** All that is said in a user namespace where `mounts` and `unmounts` do so. */
function inNamespace(t: TestContext, mounts: string, unmounts: string) {
  const w = workspace(t)
  const { first, second } = dataLayers(w)
  mkdirSync(join(w.top, 'sub'))
  writeFileSync(join(w.top, 'plain'), 'plain\n')
  writeFileSync(join(second, 'objects/blob'), 'hello\n')
  symlinkSync('blob', join(second, 'objects/link'))
  for (const [name, redirect] of MARKED) {
    writeFileSync(join(w.top, name), '')
    truncateSync(join(w.top, name), 6)
    mark(join(w.top, name), 'metacopy', '', 'user')
    if (redirect !== '') mark(join(w.top, name), 'redirect', redirect, 'user')
  }
  const words = `userxattr,lowerdir=${w.top}::${first}::${second}`
  const script = `m=${w.merged} w=,upperdir=${w.upper},workdir=${w.work}
    mounted() { ${mounts} -o "${words}$1" "$m"; }; unmounted() { ${unmounts} "$m"; }; ${ACT}`
  const env = { ...w.env, LC_ALL: 'C' }
  return spawnSync('unshare', ['-Urm', 'bash', '-c', script], { encoding: 'utf8', timeout: 60_000, env })
}

test('data-only lowers in a user namespace, under userxattr: as kernel overlayfs has them since 6.16', skip, (t) => {
  const ours = inNamespace(t, `'${process.execPath}' '${MAIN}' mount`, `'${process.execPath}' '${MAIN}' unmount`)
  assert.match(ours.stdout, /^f 6 regular file hello\nabsent 6 regular file cat: absent: No such file/, ours.stderr)
  assert.match(ours.stdout, /^relative stat: cannot statx 'relative': Operation not permitted/m)
  const kernel = inNamespace(t, 'mount -t overlay overlay', 'umount')
  if (kernel.stderr.includes('mount:')) return t.skip(`this kernel cannot: ${kernel.stderr}`)
  assert.equal(ours.stdout, kernel.stdout)
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
