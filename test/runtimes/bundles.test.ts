/**
 * A merged directory as a container's root: runc and crun run a bundle on it, as uid 0 and as another uid, and many
 * mounts share one base at the same time. The base is made of the host's own shell and the libraries it needs. Needs
 * root and the runtimes; what is missing is skipped with the reason.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { notInstalled } from '../tools/installed.js'

const stratafs = new URL('../../src/cli/stratafs.cjs', import.meta.url).pathname
const PROGRAMS = ['/bin/sh', '/bin/cat', '/bin/ls', '/usr/bin/id']
const MOUNTS = 20

let room = ''
let base = ''

/** Runs a program to its end; its output. */
function run(program: string, words: readonly string[], cwd = room): string {
  const done = spawnSync(program, words, { cwd, encoding: 'utf8', timeout: 60_000 })
  assert.equal(done.status, 0, `${program} ${words.join(' ')}: ${done.stderr}${done.stdout}${done.error ?? ''}`)
  return done.stdout
}

function makeBase(): void {
  const libraries = PROGRAMS.flatMap((program) =>
    [...run('ldd', [program]).matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]!),
  )
  for (const file of new Set([...PROGRAMS, ...libraries])) {
    mkdirSync(join(base, dirname(file)), { recursive: true })
    copyFileSync(file, join(base, file))
  }
  for (const directory of ['proc', 'sys', 'dev', 'tmp', 'etc']) mkdirSync(join(base, directory), { recursive: true })
  writeFileSync(join(base, 'etc/hostname'), 'base\n')
  run('chmod', ['1777', join(base, 'tmp')])
}

interface Place {
  readonly upper: string
  readonly merged: string
}

function place(name: string): Place {
  const here = { upper: join(room, name, 'upper'), merged: join(room, name, 'merged') }
  for (const directory of Object.values(here)) mkdirSync(directory, { recursive: true })
  return here
}

function mount(at: Place): void {
  run(process.execPath, [stratafs, 'mount', '--lower', base, '--upper', at.upper, at.merged])
}

const unmount = (at: Place): string => run(process.execPath, [stratafs, 'unmount', at.merged])

/** Why `program` cannot be run here, or false. */
function missing(program: string): string | false {
  return process.getuid?.() === 0 ? notInstalled(program) : 'needs root'
}

/** A bundle whose root is `merged`, running `command` as `uid`. */
function makeBundle(runtime: string, merged: string, uid: number, command: string): string {
  const bundle = mkdtempSync(join(room, 'bundle-'))
  run(runtime, ['spec'], bundle)
  const file = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8'))
  config.root = { path: merged, readonly: false }
  Object.assign(config.process, {
    terminal: false,
    user: { uid, gid: uid },
    args: ['/bin/sh', '-c', command],
    rlimits: [],
  })
  writeFileSync(file, JSON.stringify(config))
  return bundle
}

/**
 * In a mount namespace without the cgroup2 part of a hybrid hierarchy, which these runtimes take for the whole, and
 * without copies of other tests' mounts, which would keep their daemons from ending.
 */
function runBundle(runtime: string, bundle: string, id: string): string {
  const others = `awk -v own='${room}/' '$3 ~ /^fuse/ && index($2, own) != 1 { print $2 }' /proc/self/mounts`
  const script = `${others} | xargs -r -n1 umount -l; umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"`
  return run('unshare', ['-m', 'sh', '-c', script, 'sh', runtime, 'run', '-b', bundle, id])
}

describe('a merged directory as a root filesystem', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  before(() => {
    room = mkdtempSync(join(tmpdir(), 'stratafs-runtimes-'))
    base = join(room, 'base')
    mkdirSync(base)
    makeBase()
  })
  after(() => {
    spawnSync('sh', ['-c', `for m in ${room}/*/merged; do umount -l "$m" 2>/dev/null; done`])
    rmSync(room, { recursive: true, force: true })
  })

  for (const runtime of ['runc', 'crun']) {
    for (const uid of [0, 1000]) {
      it(`${runtime} runs a bundle as uid ${uid}`, { skip: missing(runtime) }, () => {
        const at = place(`${runtime}-${uid}`)
        mount(at)
        const command = 'id -u; cat /etc/hostname; echo made > /tmp/mine; cat /tmp/mine'
        const bundle = makeBundle(runtime, at.merged, uid, command)
        const said = runBundle(runtime, bundle, `stratafs-${process.pid}-${runtime}-${uid}`)
        assert.deepEqual(said.split('\n').slice(0, 3), [String(uid), 'base', 'made'])
        unmount(at)
        const made = statSync(join(at.upper, 'tmp/mine'))
        assert.deepEqual([made.uid, made.gid], [uid, uid])
        assert.equal(existsSync(join(base, 'tmp/mine')), false)
      })
    }
  }

  it(`${MOUNTS} mounts over one base keep their changes apart`, () => {
    const twin = join(room, 'twin')
    cpSync(base, twin, { recursive: true, preserveTimestamps: true })
    const places = Array.from({ length: MOUNTS }, (_, i) => place(`many-${i}`))
    for (const at of places) mount(at)
    for (const [i, at] of places.entries()) writeFileSync(join(at.merged, 'etc/hostname'), `host ${i}\n`)
    for (const [i, at] of places.entries()) {
      assert.equal(readFileSync(join(at.merged, 'etc/hostname'), 'utf8'), `host ${i}\n`)
      assert.equal(run('chroot', [at.merged, '/bin/sh', '-c', 'cat /etc/hostname']), `host ${i}\n`)
    }
    for (const at of places) unmount(at)
    run('diff', ['-r', base, twin])
  })
})
