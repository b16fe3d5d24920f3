/**
 * mount(8) in each of its spellings, fstab, and systemd as far as it goes without systemd running: the fstab line and
 * the unit are taken out of docs/attach.md, so that what is printed there is what is tried.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutRoot } from '../../../scripts/checkout.js'
import type { Case, Family } from '../case.js'
import { expectNothingLeft } from '../leftovers.js'
import { documented, documentedLine } from '../page.js'
import type { Scene } from '../scene.js'
import { layers, unmountAll } from './layers.js'

/** Mounts with the type and source in `words`, where NAME is the program's; looks, writes, unmounts. */
function tryMount(scene: Scene, words: string): void {
  const { options, merged, upper } = layers(scene, 'mount8')
  scene.sh(`mount -t ${words.replace('NAME', scene.column)} ${merged} -o ${options}`)
  const said = scene.sh(`cat ${merged}/top ${merged}/data/plain; echo new > ${merged}/data/new; cat ${upper}/data/new`)
  assert.equal(said, 'top\nbase\nnew')
  assert.match(scene.sh(`findmnt -n -o FSTYPE ${merged}`), new RegExp(`^fuse.*${scene.column}$`))
  scene.sh(`umount ${merged}`)
  expectNothingLeft(scene)
}

function examplePaths(scene: Scene): Record<string, string> {
  const { merged, upper } = layers(scene, 'mount8')
  const work = join(upper, '../work')
  return {
    '/layers/app': join(upper, '../top'),
    '/layers/base': scene.rootfs,
    '/data/upper': upper,
    '/data/work': work,
    '/mnt/merged': merged,
    '/usr/local/bin/stratafs': scene.program.path,
  }
}

/** For this spelling mount(8) wants a helper of the whole name. */
const HELPER = { 'fuse-overlayfs': 'it brings no mount.fuse3.fuse-overlayfs' }

const OURS = { 'fuse-overlayfs': 'it has none' }

const spellings = ['fuse.NAME source', 'fuse3.NAME source', 'fuse NAME#source', 'fuse3 NAME#source'].map(
  (words): Case => ({
    name: `mount -t ${words.replace('source', 'SOURCE')} DIR`,
    short: true,
    ...(words.startsWith('fuse3.') ? { not: HELPER } : {}),
    run: (scene) => tryMount(scene, words),
  }),
)

const cases: Case[] = [
  ...spellings,
  {
    name: 'the helper mount.fuse.NAME in /sbin, with mount -r and -f',
    short: true,
    not: OURS,
    run(scene) {
      const helper = '/usr/sbin/mount.fuse.stratafs'
      scene.sh(`ln -s ${scene.program.path} ${helper}`)
      try {
        tryMount(scene, 'fuse.NAME source')
        const { options, merged } = layers(scene, 'mount8')
        scene.sh(`mount -r -t fuse.stratafs source ${merged} -o ${options}; cat ${merged}/top`)
        assert.notEqual(scene.try(`touch ${merged}/x`).status, 0)
        scene.sh(`umount ${merged}`)
      } finally {
        scene.sh(`rm ${helper}`)
      }
    },
  },
  {
    name: 'an fstab line: mount DIR, umount DIR',
    short: true,
    run(scene) {
      const line = documented('fstab', '/mnt/merged', examplePaths(scene)).replaceAll('stratafs', scene.column)
      const table = scene.at('fstab')
      // Paths of the room hold the program's name too.
      writeFileSync(table, scene.column === 'stratafs' ? line : peerLine(scene))
      const merged = scene.at('mount8/merged')
      scene.sh(`mount -T ${table} ${merged}; cat ${merged}/top ${merged}/data/plain; umount ${merged}`)
      expectNothingLeft(scene)
    },
  },
  {
    name: 'systemd makes a mount unit of the fstab line',
    needs: ['/usr/lib/systemd/system-generators/systemd-fstab-generator'],
    not: OURS,
    run(scene) {
      const table = scene.at('fstab')
      writeFileSync(table, documented('fstab', '/mnt/merged', examplePaths(scene)))
      const units = scene.directory('units')
      const generator = '/usr/lib/systemd/system-generators/systemd-fstab-generator'
      scene.sh(`SYSTEMD_FSTAB=${table} ${generator} ${units} ${units} ${units}`)
      const unit = scene.sh(`cat "$(find ${units} -type f -name '*merged.mount')"`)
      assert.match(unit, /^Type=fuse\.stratafs$/m)
      assert.match(unit, /^RequiresMountsFor=.*\/mount8\/upper/m)
      scene.sh(`rm -r ${units}`)
    },
  },
  {
    name: 'the systemd unit: verified, told READY and STOPPING, unmounted by SIGTERM',
    short: true,
    needs: ['systemd-analyze', 'python3'],
    not: { 'fuse-overlayfs': 'it does not speak sd_notify' },
    run(scene) {
      const paths = examplePaths(scene)
      const unit = scene.at('merged.service')
      writeFileSync(unit, documented('ini', 'ExecStart', paths))
      const { status, stderr } = scene.try(`systemd-analyze verify --man=no ${unit}`)
      assert.deepEqual([status, stderr.includes('merged.service')], [0, false], stderr)
      const command = /^ExecStart=(.*)$/m.exec(readFileSync(unit, 'utf8'))?.[1]
      writeFileSync(scene.at('manager.py'), MANAGER)
      const said = scene.sh(
        `python3 ${scene.at('manager.py')} ${scene.at('notify')} ${paths['/mnt/merged']} ${command}`,
      )
      assert.deepEqual(JSON.parse(said), ['READY=1', true, 'STOPPING=1', 0, false])
      expectNothingLeft(scene)
    },
  },
  {
    name: 'the template unit with its file of options: verified, mounts, unmounts',
    needs: ['systemd-analyze', 'systemd-escape', 'python3'],
    not: OURS,
    run(scene) {
      const paths = examplePaths(scene)
      const instance = scene.sh(`systemd-escape -p ${paths['/mnt/merged']}`)
      const conf = scene.at('options.conf')
      scene.sh(documentedLine('echo OPTIONS=', { '/etc/stratafs/mnt-merged.conf': conf, ...paths }))
      const unit = scene.at(`stratafs@${instance}.service`)
      const template = readFileSync(join(checkoutRoot(), 'systemd/stratafs@.service'), 'utf8')
      writeFileSync(unit, template.replaceAll('/usr/bin/stratafs', scene.program.path))
      const { status, stderr } = scene.try(`systemd-analyze verify --man=no '${unit}'`)
      assert.deepEqual([status, stderr.includes('stratafs@')], [0, false], stderr)
      // What systemd does with the two: a word stays a word.
      const options = readFileSync(conf, 'utf8').trim().replace('OPTIONS=', '')
      const command = `${scene.program.path} -f -o ${options} ${paths['/mnt/merged']}`
      assert.match(template, /^ExecStart=\/usr\/bin\/stratafs -f -o \$\{OPTIONS\} %f$/m)
      writeFileSync(scene.at('manager.py'), MANAGER)
      const said = scene.sh(
        `python3 ${scene.at('manager.py')} ${scene.at('notify')} ${paths['/mnt/merged']} ${command}`,
      )
      assert.deepEqual(JSON.parse(said), ['READY=1', true, 'STOPPING=1', 0, false])
      expectNothingLeft(scene)
    },
  },
  {
    name: 'a killed daemon of a unit: what it leaves is taken away, so that it can start again',
    kills: true,
    not: OURS,
    run(scene) {
      const paths = examplePaths(scene)
      const merged = paths['/mnt/merged']
      const unit = documented('ini', 'ExecStart', paths).replaceAll('$$', '$')
      const line = (name: string) => new RegExp(`^${name}=-?(.*)$`, 'm').exec(unit)?.[1]
      scene.sh(`${line('ExecStart')} 2>/dev/null & for i in $(seq 100); do mountpoint -q ${merged} && break; sleep 0.05; done
        kill -9 $!; wait $! || true
        ! ls ${merged} 2>/dev/null
        SERVICE_RESULT=success ${line('ExecStopPost')}; mount | grep -q ${merged}
        SERVICE_RESULT=signal ${line('ExecStopPost')}; ls ${merged}; ! mount | grep -q ${merged}`)
      expectNothingLeft(scene)
    },
  },
]

/** In the place of systemd: starts the command, hears what it says, ends it; prints what it saw. */
const MANAGER = `
import json, os, signal, socket, subprocess, sys
address, merged, *command = sys.argv[1:]
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(address)
heard.settimeout(20)
word = lambda: heard.recv(4096).decode().split('\\n')[0]
service = subprocess.Popen(command, env={**os.environ, 'NOTIFY_SOCKET': address}, stderr=subprocess.DEVNULL)
saw = [word(), os.path.ismount(merged)]
service.send_signal(signal.SIGTERM)
saw += [word(), service.wait(20), os.path.ismount(merged)]
print(json.dumps(saw))
os.unlink(address)
`

function peerLine(scene: Scene): string {
  const { options, merged } = layers(scene, 'mount8')
  return `fuse-overlayfs ${merged} fuse.fuse-overlayfs ${options} 0 0\n`
}

export const mount8: Family = {
  name: 'mount(8), fstab, systemd',
  needs: ['mount.fuse3', 'findmnt'],
  // mount(8) calls with the usual PATH and no other; this directory's changes stay in this namespace.
  setUp(scene) {
    if (scene.column === 'stratafs')
      scene.sh(`for name in stratafs mount.fuse3.stratafs; do ln -sf ${scene.program.path} /usr/sbin/$name; done`)
  },
  tidy: unmountAll,
  cases,
}
