/**
 * dockerd with its fuse-overlayfs driver, which runs the program of that name from its PATH. A daemon of its own: data,
 * socket and containerd lie in the room, networks are off.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import type { Case, Family } from '../case.js'
import { daemons, expectNothingLeft, processesNamed } from '../leftovers.js'
import { documented } from '../page.js'
import type { Scene } from '../scene.js'
import { expectCleanLayer, FINGERPRINT, makeTallImage, topLayer } from './image.js'
import { CHANGED, CHANGES, DOCKERFILE, ownChanges, quoted } from './words.js'

const SOCKET = 'unix:///run/attach-docker.sock'

/** The client that belongs to the daemon: an older or newer one may lie elsewhere in PATH. */
const docker = `/usr/bin/docker -H ${SOCKET}`
const run = `${docker} run --network=host`

function start(scene: Scene): void {
  const config = scene.at('daemon.json')
  writeFileSync(config, documented('json', 'storage-driver'))
  const dropIn = /^Environment=PATH=(.*)$/m.exec(documented('', 'Environment'))?.[1] ?? ''
  const path = dropIn.replace('/opt/stratafs', scene.program.directories.at(-1) ?? '/usr/bin')
  const words = [
    `--data-root ${scene.at('docker')} --exec-root /run/attach-docker --pidfile /run/attach-docker.pid --host ${SOCKET}`,
    '--bridge=none --iptables=false --ip-forward=false --exec-opt native.cgroupdriver=cgroupfs',
    `--config-file ${config}`,
  ].join(' ')
  scene.sh(`rm -f /run/attach-docker.pid; PATH=${path} setsid dockerd ${words} >> ${scene.at('docker.log')} 2>&1 < /dev/null &
    for i in $(seq 150); do ${docker} version >/dev/null 2>&1 && exit 0; sleep 0.2; done; tail -n 5 ${scene.at('docker.log')} >&2; exit 1`)
}

function end(scene: Scene): void {
  scene.try(
    'kill $(cat /run/attach-docker.pid); for i in $(seq 100); do test -e /run/attach-docker.pid || break; sleep 0.1; done',
  )
}

const cases: Case[] = [
  {
    name: 'the driver is fuse-overlayfs, and it is this program that it runs',
    short: true,
    run(scene) {
      assert.equal(scene.sh(`${docker} info -f '{{.Driver}}'`), 'fuse-overlayfs')
      scene.sh(`${run} -d --name box base sleep 1000`)
      assert.equal(daemons(scene).length, 1)
    },
  },
  {
    name: 'run, exec, cp, exit code',
    run(scene) {
      const said = scene.try(`${run} --rm base sh -c 'cat /data/plain; exit 7'`)
      assert.deepEqual([said.status, said.stdout], [7, 'base\n'], said.stderr)
      scene.sh(
        `${run} -d --name box base sleep 1000; echo hello > here; ${docker} cp here box:/data/there; ${docker} cp box:/many .`,
      )
      assert.equal(scene.sh(`${docker} exec box cat /data/there; ls many | wc -l; rm -r here many`), 'hello\n100')
    },
  },
  {
    name: 'inspect: the four directories hold what they should',
    short: true,
    run(scene) {
      scene.sh(`${run} -d --name box base sh -c 'echo new > /data/new; rm /data/plain; exec sleep 1000'; sleep 0.5`)
      const { LowerDir, UpperDir, MergedDir, WorkDir } = JSON.parse(scene.sh(`${docker} inspect box`))[0].GraphDriver
        .Data
      assert.equal(scene.sh(`ls ${LowerDir.split(':').at(-1)}/data | sed -n 1p`), 'deep')
      assert.equal(scene.sh(`cat ${UpperDir}/data/new ${MergedDir}/data/new; ls -d ${WorkDir}`), `new\nnew\n${WorkDir}`)
      scene.sh(`test ! -e ${MergedDir}/data/plain`)
    },
  },
  {
    name: 'diff and commit: exactly what was changed, and the layer is clean',
    short: true,
    run(scene) {
      const before = scene.sh(`${run} --name box base sh -c ${quoted(`${CHANGES}; ${FINGERPRINT}`)}`)
      assert.deepEqual(ownChanges(scene.sh(`${docker} diff box`)), CHANGED)
      scene.sh(`${docker} commit -m 'made here' box changed`)
      assert.equal(scene.sh(`${run} --rm changed sh -c ${quoted(FINGERPRINT)}`), before)
      assert.match(scene.sh(`${docker} history --format '{{.Comment}}' changed`), /^made here\n/)
      scene.sh(`${docker} save -o changed.tar changed`)
      expectCleanLayer(topLayer(scene, scene.at('root/changed.tar')))
    },
  },
  {
    name: 'build: five instructions, and a second run from the cache',
    run(scene) {
      scene.sh(`mkdir -p context; echo copied > context/file; cat > context/Dockerfile <<'END'\n${DOCKERFILE}END`)
      const build = `DOCKER_BUILDKIT=0 ${docker} build --network=host -t built context`
      scene.sh(build)
      assert.equal(scene.sh(`${run} --rm built`), 'copied\nonly')
      assert.equal(scene.sh(`${build} | grep -c 'Using cache'`), '5')
    },
  },
  {
    name: 'save, remove, load, export: the same image',
    run(scene) {
      const before = scene.sh(`${run} --rm base sh -c ${quoted(FINGERPRINT)}`)
      scene.sh(
        `${docker} tag base copy; ${docker} save -o copy.tar copy; ${docker} rmi copy; ${docker} load -q -i copy.tar; rm copy.tar`,
      )
      assert.equal(scene.sh(`${run} --rm copy sh -c ${quoted(FINGERPRINT)}`), before)
      scene.sh(`${run} --name box base rm /data/plain`)
      assert.equal(
        scene.sh(
          `${docker} export box | tar -t | grep -c ^data/owned; ${docker} export box | tar -t | grep -c ^data/plain || true`,
        ),
        '1\n0',
      )
    },
  },
  {
    name: 'ten containers of one image at the same time',
    run(scene) {
      scene.sh(
        `for i in $(seq 10); do ${run} -d --name c$i base sh -c "echo $i > /data/plain; exec sleep 1000" & done; wait; sleep 0.5`,
      )
      assert.equal(daemons(scene).length, 10)
      for (let i = 1; i <= 10; i++) assert.equal(scene.sh(`${docker} exec c${i} cat /data/plain`), String(i))
    },
  },
  {
    name: 'an image of a hundred layers',
    run(scene) {
      makeTallImage(scene, 100, scene.at('hundred.tar'))
      scene.sh(`${docker} load -q -i ${scene.at('hundred.tar')}`)
      const look = 'ls /layers | wc -l; cat /layers/f1 /layers/f99; echo x >> /layers/f1; cat /layers/f1'
      assert.equal(scene.sh(`${run} --rm hundred sh -c ${quoted(look)}`), '99\n1\n99\n1\nx')
      scene.sh(`${docker} rmi -f hundred`)
    },
  },
  {
    name: 'a killed container, then rm: nothing is left',
    run(scene) {
      scene.sh(`${run} -d --name box base sleep 1000; ${docker} kill box; ${docker} rm box`)
      expectNothingLeft(scene)
    },
  },
  {
    name: 'a killed dockerd and its successor: the container can be removed, nothing is left',
    run(scene) {
      scene.sh(`${run} -d --name box base sleep 1000`)
      for (const pid of processesNamed('dockerd')) process.kill(pid, 'SIGKILL')
      start(scene)
      scene.sh(`${docker} rm -f box`)
      expectNothingLeft(scene)
    },
  },
  {
    name: 'system prune: nothing is left',
    run(scene) {
      scene.sh(`${run} base true; ${docker} system prune -af`)
      expectNothingLeft(scene)
      assert.equal(
        scene.sh(
          `${docker} ps -aq; ${docker} images -aq; ls ${scene.at('docker/fuse-overlayfs')} | grep -vc ^l$ || true`,
        ),
        '0',
      )
    },
  },
]

export const dockerd: Family = {
  name: 'dockerd',
  needs: ['dockerd', 'containerd', 'runc'],
  setUp(scene) {
    start(scene)
    scene.sh(`${docker} import ${scene.tar} base`)
  },
  tidy: (scene) => void scene.try(`${docker} rm -f $(${docker} ps -aq)`),
  tearDown: end,
  cases,
}
