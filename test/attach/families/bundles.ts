/**
 * What takes a directory as a root: runc and crun over a bundle, bubblewrap, systemd-nspawn, chroot, and containerd
 * with mounts made as it makes them. `stratafs bundle` writes the bundles; the other program gets the same by hand.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { bundleConfig } from '../../../src/oci/bundle/bundle-config.js'
import type { Case, Family } from '../case.js'
import { expectNothingLeft } from '../leftovers.js'
import { documented, documentedLine } from '../page.js'
import { type Scene, USER_ID } from '../scene.js'
import { layers, mounted, unmountAll } from './layers.js'
import { quoted } from './words.js'

const COMMAND = 'id -u; cat /data/plain; ls /many | wc -l; echo mine > /tmp/mine; stat -c %u:%g /tmp/mine'

/** A bundle over `merged` that runs COMMAND as `uid`. */
function makeBundle(scene: Scene, merged: string, uid: number): string {
  const box = scene.at('box')
  scene.sh(`rm -rf ${box}`)
  if (scene.column === 'stratafs')
    scene.sh(`stratafs bundle --user ${uid} ${merged} ${box} -- sh -c ${quoted(COMMAND)}`)
  else {
    const who = { uid, gid: uid, terminal: false, owner: null }
    const config = bundleConfig({ root: merged, readonly: false, command: ['sh', '-c', COMMAND], ...who })
    writeFileSync(`${scene.directory('box')}/config.json`, JSON.stringify(config))
  }
  return box
}

function runs(runtime: string, uid: number): Case {
  return {
    name: `${runtime}: a bundle as uid ${uid}, default capabilities`,
    short: true,
    needs: [runtime],
    run(scene) {
      const { merged, upper } = mounted(scene, 'bundles')
      const said = scene.sh(`${runtime} run -b ${makeBundle(scene, merged, uid)} attach-${uid}`)
      assert.equal(said, `${uid}\nbase\n100\n${uid}:${uid}`)
      assert.equal(scene.sh(`umount ${merged}; stat -c %u:%g ${upper}/tmp/mine`), `${uid}:${uid}`)
      expectNothingLeft(scene)
    },
  }
}

/** `command` runs shell words with the merged directory as root. */
const inRoot = (name: string, needs: string[], command: (merged: string) => string): Case => ({
  name,
  short: true,
  needs,
  run(scene) {
    const { merged, upper } = mounted(scene, 'bundles')
    const said = scene.sh(`${command(merged)} sh -c ${quoted(COMMAND)}`)
    assert.equal(said.replaceAll('\r', ''), '0\nbase\n100\n0:0')
    assert.equal(scene.sh(`umount ${merged}; cat ${upper}/tmp/mine`), 'mine')
    expectNothingLeft(scene)
  },
})

const asUser: Case = {
  name: 'an ordinary user’s mount under bubblewrap',
  needs: ['bwrap', 'fusermount3'],
  run(scene) {
    const { merged, options } = layers(scene, 'user/own')
    const base = scene.at('user/own/base')
    scene.sh(`cp -a ${scene.rootfs} ${base}; chown -R ${USER_ID}:${USER_ID} ${scene.at('user/own')}`)
    scene.sh(`${scene.program.path} -o ${options.replace(scene.rootfs, base)} ${merged}`, 'user')
    const enter = `bwrap --bind ${merged} / --proc /proc --dev /dev --unshare-user --uid 0 --gid 0`
    assert.equal(scene.sh(`${enter} sh -c ${quoted(COMMAND)}; fusermount3 -u ${merged}`, 'user'), '0\nbase\n100\n0:0')
    expectNothingLeft(scene)
  },
}

const CONTAINERD = `version = 2
root = "ROOM/containerd"
state = "/run/attach-containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "/run/attach-containerd.sock"
`

const containerd: Case = {
  name: 'containerd: a task over a mount made as it makes those of type fuse3.NAME',
  short: true,
  needs: ['containerd', 'ctr', 'mount.fuse3', 'runc'],
  run(scene) {
    const config = scene.at('containerd.toml')
    writeFileSync(config, CONTAINERD.replace('ROOM', scene.room))
    const { merged, options } = layers(scene, 'bundles')
    // Its mount package calls the helper with each option on its own.
    const words = options.split(',').map((option) => `-o ${option}`)
    scene.sh(`mount.fuse3 overlay ${merged} ${words.join(' ')} -t ${scene.column}`)
    const ctr = 'ctr -a /run/attach-containerd.sock'
    const said = scene.sh(`containerd -c ${config} >${scene.at('containerd.log')} 2>&1 </dev/null & pid=$!
      trap 'kill $pid; wait $pid || true' EXIT
      for i in $(seq 100); do ${ctr} version >/dev/null 2>&1 && break; sleep 0.1; done
      ${documentedLine('ctr run --rm --rootfs', { '/mnt/merged': merged, '/bin/ls -la /': '/bin/sh -c' }).replace('ctr', ctr)} ${quoted(COMMAND)}`)
    assert.equal(said, '0\nbase\n100\n0:0')
    scene.sh(`umount ${merged}`)
    expectNothingLeft(scene)
  },
}

const pageRunc: Case = {
  name: 'runc: a mount, a bundle and a run as this page has them',
  needs: ['runc'],
  not: { 'fuse-overlayfs': 'it writes no bundles' },
  run(scene) {
    const { merged, upper } = layers(scene, 'bundles')
    const lines = documented('sh', 'runc run', { '/layers/base': scene.rootfs, '/data/upper': upper })
    assert.match(scene.sh(`cd ${scene.at()}; rm -rf box; ${lines.replaceAll('/mnt/merged', merged)}`), / many$/m)
    scene.sh(`umount ${merged}`)
    expectNothingLeft(scene)
  },
}

export const bundles: Family = {
  name: 'over a merged directory',
  needs: [],
  tidy: unmountAll,
  cases: [
    ...['runc', 'crun'].flatMap((runtime) => [runs(runtime, 0), runs(runtime, 1000)]),
    containerd,
    pageRunc,
    inRoot('chroot', [], (merged) => documentedLine('chroot', { '/mnt/merged': merged })),
    inRoot('bubblewrap', ['bwrap'], (merged) => documentedLine('bwrap', { '/mnt/merged': merged }).replace(/ sh$/, '')),
    inRoot(
      'systemd-nspawn',
      ['systemd-nspawn'],
      (merged) =>
        `SYSTEMD_NSPAWN_TMPFS_TMP=0 ${documentedLine('systemd-nspawn', { '/mnt/merged': merged })} -q --register=no --keep-unit`,
    ),
    asUser,
  ],
}
