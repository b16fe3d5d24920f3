/**
 * Images that we commit, in the hands of others: umoci unpacks one to the tree that was mounted, skopeo carries it to a
 * docker archive and back, podman loads and runs it. One image is made for all of them, with a change of every kind.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { Layout } from '../../src/oci/image/layout.js'
import { needsRoot } from '../syscalls/support.js'
import { notInstalled } from '../tools/installed.js'
import { podman } from './podman.js'
import { type Snapshot, snapshot } from './scratch.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')

/** Why a case cannot run here; false when it can. */
const lacking = (...programs: string[]): string | false => needsRoot || notInstalled(...programs)

let folder: string
let merged: Record<string, Snapshot>
let diffIDs: readonly string[]

function run(...args: string[]): string {
  const env = { ...process.env, STRATAFS_RUN_DIR: join(folder, 'run'), STRATAFS_STORE: join(folder, 'store') }
  return execFileSync(process.execPath, [MAIN, ...args], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' })
}

function shell(script: string, cwd: string): void {
  execFileSync('sh', ['-ec', script], { cwd, stdio: 'pipe' })
}

function importBase(): void {
  const root = join(folder, 'root')
  for (const name of ['bin', 'tmp', 'proc', 'sys', 'dev', 'etc/keep', 'usr/lib/old/deep', 'var/cache'])
    mkdirSync(join(root, name), { recursive: true })
  shell('cp "$(command -v busybox)" bin/busybox', root)
  for (const name of ['sh', 'cat', 'ls']) symlinkSync('busybox', join(root, 'bin', name))
  for (const name of ['etc/passwd', 'etc/gone', 'usr/lib/old/a', 'usr/lib/old/deep/b', 'var/cache/x', 'etc/big'])
    writeFileSync(join(root, name), `${name}\n`)
  shell('ln etc/big etc/keep/big', root)
  shell('tar -C root -cf base.tar .', folder)
  run('image', 'import', 'base.tar', 'images:base')
}

/** One change of every kind. */
const CHANGES = `
  rm etc/gone; mv usr/lib/old usr/lib/new; echo more >> usr/lib/new/a; rm -r var/cache; mkdir var/cache; echo y > var/cache/y
  echo changed >> etc/big; echo hello > etc/new; ln etc/new etc/new2; ln -s /etc/new link; chmod 4755 bin/busybox
  mkfifo pipe; mknod null c 1 3; chown 1000:3000000 etc/new; touch -d '2001-02-03 04:05:06.789' etc/passwd
  mkdir -p "$(printf 'n%0.s' $(seq 120))/sub"; echo long > "$(printf 'n%0.s' $(seq 120))/sub/$(printf 'm%0.s' $(seq 200))"
  setfattr -n user.note -v yes etc/new; chmod 2770 tmp; echo umlaut > "$(printf '\\303\\274')"; rm -r etc/keep; echo f > etc/keep
`

describe('committed images', { skip: lacking('busybox', 'setfattr') }, () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stratafs-tools-'))
    importBase()
    mkdirSync(join(folder, 'm'))
    run('image', 'mount', 'images:base', 'm')
    try {
      shell(CHANGES, join(folder, 'm'))
      run('image', 'commit', 'm', 'images:app', '--base', 'base', '-m', 'changed', '-a', 'me')
      merged = snapshot(join(folder, 'm'))
    } finally {
      run('unmount', 'm')
    }
    diffIDs = Layout.open(join(folder, 'images')).image('app').config.rootfs.diff_ids
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('umoci unpacks the tree that was mounted', { skip: lacking('umoci') }, () => {
    execFileSync('umoci', ['unpack', '--image', 'images:app', 'bundle'], { cwd: folder, stdio: 'pipe' })
    assert.deepEqual(snapshot(join(folder, 'bundle/rootfs')), merged)
  })
  it('skopeo copies it to a docker archive and back', { skip: lacking('skopeo') }, () => {
    const copy = (from: string, to: string) =>
      execFileSync('skopeo', ['copy', '-q', '--insecure-policy', from, to], { cwd: folder, stdio: 'pipe' })
    copy('oci:images:app', 'docker-archive:app.tar:app:latest')
    copy('docker-archive:app.tar', 'oci:back:app')
    const back = Layout.open(join(folder, 'back')).image('app')
    assert.deepEqual(back.config.rootfs.diff_ids, diffIDs)
    assert.equal(back.config.history?.at(-1)?.comment, 'changed')
    assert.equal(back.config.history?.at(-1)?.author, 'me')
  })
  it('we unpack what came back to the same tree', { skip: lacking('skopeo') }, () => {
    run('image', 'mount', '--read-only', 'back:app', 'm', '--store', 'fresh-store')
    try {
      assert.deepEqual(snapshot(join(folder, 'm')), merged)
    } finally {
      run('unmount', 'm')
    }
  })
  it('podman loads and runs it', { skip: lacking('podman', 'skopeo', 'unshare') }, (t) => {
    const out = podman(
      folder,
      'vfs',
      'podman load -q -i app.tar >/dev/null; podman run --rm --network=host --cgroups=disabled app cat /etc/new /usr/lib/new/a /etc/keep',
      120_000,
    )
    if (out.status !== 0 && /cgroup|permitted|ulimit|rlimit/i.test(out.stderr))
      return t.skip(`podman cannot run here: ${out.stderr.slice(-300)}`)
    assert.equal(out.stdout, 'hello\nusr/lib/old/a\nmore\nf\n', out.stderr)
    return undefined
  })
  it('an image keeps what is known of it, and its old tag', () => {
    const layout = Layout.open(join(folder, 'images'))
    assert.deepEqual(layout.tags(), ['base', 'app'])
    const { steps } = JSON.parse(run('image', 'history', 'images:app', '--json'))
    assert.deepEqual(
      steps.map(({ comment, sharedWith }: { comment: string; sharedWith: string[] }) => [comment, sharedWith]),
      [
        ['changed', []],
        ['', ['base']],
      ],
    )
  })
  it('refuses a base that the mount was not made from, and leaves the layout as it was', () => {
    run('image', 'mount', 'images:app', 'm')
    try {
      assert.throws(() => run('commit', 'm', '--image', 'images:wrong', '--base', 'base'), /not those of image base/)
      assert.throws(() => run('commit', 'm', '--image', 'images:wrong'), /--base/)
      assert.deepEqual(Layout.open(join(folder, 'images')).tags(), ['base', 'app'])
    } finally {
      run('unmount', 'm')
    }
  })
})
