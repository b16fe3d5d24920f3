/**
 * A mount in which no thread can be begun any more, as where a container's limit of processes has been reached: it goes
 * on without an index, and says so, and copies large files in the loop. The limit is not enforced for root, so the
 * daemon is nobody's.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { notInstalled } from '../tools/installed.js'
import { MAIN, needsRoot, type Workspace, workspace } from './harness.js'

const NOBODY = 65534
const LARGE = 5 << 20

/** Longer than a mount waits before it begins a database. */
const LATER_S = 1.5

const skip = needsRoot.skip || notInstalled('fusermount3', 'setpriv', 'unshare', 'prlimit')

/** Everything in the workspace becomes nobody's, and those that lead to it are open. */
function giveAway(w: Workspace): void {
  chmodSync(w.root, 0o755)
  for (const path of [w.root, w.top, w.base, w.upper, w.work, w.merged]) chownSync(path, NOBODY, NOBODY)
}

/**
 * Runs `script` as nobody in a mount namespace with a device for everybody; $0 node, $1 the command, $2 the options, $3
 * the mountpoint.
 */
function asNobody(w: Workspace, script: string): { stdout: string; stderr: string } {
  const device = `mknod "$WORKSPACE/fuse" c 10 229 && chmod 666 "$WORKSPACE/fuse" && mount --bind "$WORKSPACE/fuse" /dev/fuse`
  const user = `exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups sh -c "$SCRIPT" "$0" "$@"`
  // A copy of another test's mount in this namespace would keep its daemon from ending.
  const before = `umount -a -l -t fuse.stratafs; ${device} && ${user}`
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', before, process.execPath, MAIN, w.options, w.merged]
  const env = { ...w.env, WORKSPACE: w.root, SCRIPT: script }
  return spawnSync('unshare', words, { encoding: 'utf8', env, cwd: w.root, timeout: 60_000 })
}

const MOUNT = '"$0" "$1" -o "$2" "$3" || exit'
const LIMIT = `prlimit --nproc=1:1 --pid "$(sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p' "$STRATAFS_RUN_DIR"/*.json | head -n 1)"`

test('without threads a mount serves on, and copies up what is large', { skip }, (t) => {
  const w = workspace(t)
  writeFileSync(join(w.top, 'large'), Buffer.alloc(LARGE, 'a'))
  chownSync(join(w.top, 'large'), NOBODY, NOBODY)
  giveAway(w)
  const use = `printf S | dd of="$3/large" conv=notrunc status=none; sleep ${LATER_S}; cat "$3/a"; "$0" "$1" inspect "$3"`
  const { stdout, stderr } = asNobody(w, `${MOUNT}; ${LIMIT}; ${use}; fusermount3 -u "$3"`)
  assert.match(stdout, /^top a\n/, stderr)
  const [{ Downgrades, Index }] = JSON.parse(stdout.slice('top a\n'.length))
  assert.equal(Index.State, 'none')
  assert.match(Downgrades.join('\n'), /the index's writer has failed/)
  const copied = readFileSync(join(w.upper, 'large'))
  assert.equal(copied.length, LARGE)
  assert.equal(copied.subarray(0, 2).toString(), 'Sa')
})
