/**
 * podman, as root and as an ordinary user: everything a person does with containers and images, with the mount program
 * named in storage.conf. Images come from a tar, because there is no registry.
 */
import assert from 'node:assert/strict'
import type { Case, Family } from '../case.js'
import { awaitPodman, daemons, expectNothingLeft, processesNamed } from '../leftovers.js'
import { documentedLine } from '../page.js'
import type { Scene, User } from '../scene.js'
import { expectCleanLayer, FINGERPRINT, makeTallImage, topLayer } from './image.js'
import {
  CHANGED,
  CHANGES,
  CLOSED_ACTS,
  CLOSED_BELOW,
  CLOSED_KEPT,
  CLOSED_LOOK,
  CLOSED_TREE,
  DOCKERFILE,
  ownChanges,
  quoted,
} from './words.js'

/** Shell lines as `as`; `inside` sees the container's mounts, which an ordinary user has in a namespace of its own. */
interface Hands {
  sh(script: string): string
  inside(script: string): string
}

const hands = (scene: Scene, as: User): Hands => ({
  sh: (script) => {
    awaitPodman()
    return scene.sh(script, as)
  },
  inside: (script) => (as === 'root' ? scene.sh(script) : scene.sh(`podman unshare bash -euc ${quoted(script)}`, as)),
})

/** `podman` with the options that every container here has. */
const run = 'podman run --network=host'

function cases(as: User): Case[] {
  const say = (scene: Scene) => hands(scene, as)
  return [
    {
      name: 'info names the mount program and its version',
      short: as === 'root',
      run(scene) {
        const info = JSON.parse(say(scene).sh('podman info --format json'))
        const program = info.store.graphOptions['overlay.mount_program']
        assert.equal(program.Executable, scene.program.path)
        assert.match(
          program.Version,
          scene.column === 'stratafs' ? /stratafs \d[\s\S]*fuse-overlayfs/ : /fuse-overlayfs/,
        )
        assert.ok(program.Version.split('\n').length <= 6)
      },
    },
    {
      name: 'run: output, exit code, removal at its end',
      short: true,
      run(scene) {
        const said = scene.try(`${run} --rm base sh -c 'cat /data/plain; id -u; exit 7'`, as)
        assert.deepEqual([said.status, said.stdout], [7, 'base\n0\n'], said.stderr)
        expectNothingLeft(scene)
      },
    },
    {
      name: 'inspect: the four directories hold what they should',
      short: true,
      run(scene) {
        const { sh, inside } = say(scene)
        sh(`${run} -d --name c base sh -c 'echo new > /data/new; rm /data/plain; exec sleep 1000' && sleep 0.5`)
        const data = JSON.parse(sh('podman inspect c'))[0].GraphDriver.Data
        assert.equal(inside(`ls ${data.LowerDir.split(':')[0]}/data | sed -n 1p`), 'deep')
        assert.equal(inside(`cat ${data.UpperDir}/data/new ${data.MergedDir}/data/new`), 'new\nnew')
        assert.equal(inside(`ls -d ${data.WorkDir}; test ! -e ${data.MergedDir}/data/plain`), data.WorkDir)
        if (scene.column === 'stratafs') {
          const asked = JSON.parse(inside('stratafs inspect --all'))[0].GraphDriver
          assert.equal(asked.Name, 'stratafs')
          assert.deepEqual([asked.Data.MergedDir, asked.Data.UpperDir], [data.MergedDir, data.UpperDir])
        }
      },
    },
    {
      name: 'exec, and cp into and out of a running container',
      short: as === 'root',
      run(scene) {
        const { sh } = say(scene)
        sh(`${run} -d --name c base sleep 1000`)
        sh('echo hello > here; podman cp here c:/data/there; podman cp c:/data/owned out; podman cp c:/many many')
        assert.equal(sh('podman exec c cat /data/there'), 'hello')
        assert.equal(sh('cat out; ls many | wc -l; rm -rf here out many'), 'seven\n100')
        assert.equal(sh("podman exec --user 7:8 c sh -c 'echo mine > /tmp/mine; stat -c %u:%g /tmp/mine'"), '7:8')
      },
    },
    {
      name: 'diff: exactly what was changed',
      short: as === 'root',
      run(scene) {
        const { sh } = say(scene)
        sh(`${run} --name c base sh -c ${quoted(CHANGES)}`)
        const said = sh('podman diff c')
        assert.deepEqual(ownChanges(said), CHANGED, said)
      },
    },
    {
      name: 'commit: the image shows what the container showed, its layer is clean',
      short: true,
      run(scene) {
        const { sh } = say(scene)
        const script = `${CHANGES}; ${FINGERPRINT}`
        const before = sh(`${run} --name c base sh -c ${quoted(script)}`)
        sh('podman commit -q c changed')
        assert.equal(sh(`${run} --rm changed sh -c ${quoted(FINGERPRINT)}`), before)
        sh('rm -f changed.tar; podman save -q -o changed.tar changed')
        expectCleanLayer(topLayer(scene, scene.at(as, 'changed.tar')))
        assert.match(sh('podman history --format "{{.Size}}" changed | sed -n 1p'), /[kK]?B$/)
      },
    },
    {
      name: 'build: five instructions, and a second run from the cache',
      run(scene) {
        const { sh } = say(scene)
        sh(`mkdir -p context; echo copied > context/file; cat > context/Dockerfile <<'END'\n${DOCKERFILE}END`)
        const build = 'podman build --network=host -t built context'
        sh(build)
        assert.equal(sh(`${run} --rm built`), 'copied\nonly')
        assert.equal(sh(`${build} 2>&1 | grep -c 'Using cache'`), '5')
      },
    },
    {
      name: 'a directory removed and made again shows only the new: looked up, listed and in the next image',
      short: as === 'root',
      run(scene) {
        const { sh } = say(scene)
        const remake = 'rm -rf /data/deep && mkdir /data/deep && touch /data/deep/only'
        const look = 'ls -A /data/deep; for f in old er er/file; do test ! -e /data/deep/$f; done'
        assert.equal(sh(`${run} --name c base sh -ec ${quoted(`${remake}; ${look}`)}`), 'only')
        sh('podman start c; podman wait c; podman commit -q c again')
        assert.equal(sh(`${run} --rm again sh -ec ${quoted(look)}`), 'only')
      },
    },
    {
      name: 'save, remove, load: the same image',
      run(scene) {
        const { sh } = say(scene)
        const before = sh(`${run} --rm base sh -c ${quoted(FINGERPRINT)}`)
        sh(
          'podman tag base copy; rm -f copy.tar; podman save -q -o copy.tar copy; podman rmi copy; podman load -q -i copy.tar',
        )
        assert.equal(sh(`${run} --rm copy sh -c ${quoted(FINGERPRINT)}`), before)
        sh('rm copy.tar')
      },
    },
    {
      name: 'export: a tar of what the container shows',
      run(scene) {
        const { sh } = say(scene)
        sh(`${run} --name c base sh -c ${quoted(CHANGES)}; podman export -o out.tar c`)
        const names = sh('tar -tf out.tar').split('\n')
        for (const name of ['data/deep/only', 'data/moved', 'made/link']) assert.ok(names.includes(name), name)
        for (const name of ['data/plain', 'data/deep/old', 'data/owned']) assert.ok(!names.includes(name), name)
        assert.match(sh('tar --numeric-owner -tvf out.tar data/moved; rm out.tar'), /7\/8/)
      },
    },
    {
      name: 'history and image inspect after three commits',
      run(scene) {
        const { sh } = say(scene)
        for (const [from, to] of [
          ['base', 'h1'],
          ['h1', 'h2'],
          ['h2', 'h3'],
        ])
          sh(
            `${run} --name c ${from} touch /tmp/${to}; podman commit -q -f docker -m 'made ${to}' c ${to}; podman rm c`,
          )
        assert.equal(sh('podman history -q h3 | wc -l'), '4')
        assert.equal(JSON.parse(sh('podman image inspect h3'))[0].RootFS.Layers.length, 4)
        assert.equal(sh(`${run} --rm h3 ls /tmp`), 'h1\nh2\nh3')
      },
    },
    {
      name: 'a read-only container, and an image mounted to look at',
      run(scene) {
        const { sh, inside } = say(scene)
        const said = scene.try(`${run} --rm --read-only base sh -c 'cat /data/plain; echo x > /data/x'`, as)
        assert.deepEqual([said.status, said.stdout], [1, 'base\n'], said.stderr)
        assert.equal(
          inside('cat "$(podman image mount base)/data/plain"; podman image unmount base >/dev/null'),
          'base',
        )
        sh('true')
        expectNothingLeft(scene)
      },
    },
    {
      // Whoever has no more than a user namespace cannot have a copy of a mount on which others are mounted: its home
      // then.
      name: `${as === 'root' ? 'the whole machine' : 'the home'} as a volume with :O: seen, changed, and unchanged afterwards`,
      run(scene) {
        const [above, home] = as === 'root' ? ['/', `/h${scene.at(as)}`] : [scene.at(as), '/h']
        const { sh } = say(scene)
        sh('mkdir -p some/deep; echo old > precious')
        const act = `cd ${home}; cat precious; echo new > precious; rm -r some; cat precious; ls | grep -cx tmp`
        assert.equal(sh(`${run} --rm -v ${above}:/h:O base sh -ec ${quoted(act)}`), 'old\nnew\n1')
        assert.equal(sh('cat precious; ls some; rm -r precious some'), 'old\ndeep')
        expectNothingLeft(scene)
      },
    },
    {
      name: 'a volume with :O of closed files and directories: all changed, and as they were afterwards',
      run(scene) {
        const { sh } = say(scene)
        sh(CLOSED_TREE)
        assert.equal(sh(`${run} --rm -v "$PWD/t:/t:O" base sh -ec ${quoted(CLOSED_ACTS)}`), CLOSED_LOOK)
        assert.equal(sh(CLOSED_KEPT), CLOSED_BELOW)
        expectNothingLeft(scene)
      },
    },
    {
      name: 'a container whose FUSE daemon was killed starts again',
      kills: true,
      run(scene) {
        const { sh } = say(scene)
        sh(`${run} -d --name c base sh -c 'echo x > /data/x; exec sleep 1000' && sleep 0.3`)
        for (const pid of daemons(scene)) process.kill(pid, 'SIGKILL')
        // Its first process hears no SIGTERM.
        sh(documentedLine('podman stop box').replace('stop box', 'stop -t 0 c'))
        sh(documentedLine('podman start box').replace('box', 'c'))
        assert.equal(sh('podman exec c cat /data/plain /data/x'), 'base\nx')
      },
    },
    {
      name: 'a mount that is refused: podman prints the reason',
      short: as === 'root',
      not: { 'fuse-overlayfs': 'it is another one’s refusal' },
      run(scene) {
        const { status, stderr } = scene.try(`STRATAFS_RUN_DIR=here ${run} --rm base true`, as)
        assert.notEqual(status, 0)
        assert.match(stderr, /: stratafs: STRATAFS_RUN_DIR here must be an absolute path\n/)
      },
    },
    {
      name: '--uidmap: owners are right in every layer',
      short: as === 'root',
      run(scene) {
        const { sh } = say(scene)
        sh(
          `${run} --name c base sh -c 'echo top > /data/top; chown 5:6 /data/top /data/hard1'; podman commit -q c owners; podman rm c`,
        )
        const map =
          as === 'root' ? '--uidmap 0:100000:65536 --gidmap 0:100000:65536' : '--uidmap 0:1:60000 --gidmap 0:1:60000'
        const look =
          'stat -c "%n %u:%g" /data/owned /data/top /data/hard2 /data/setuid; touch /tmp/mine; chown 3:4 /tmp/mine; stat -c %u:%g /tmp/mine'
        const expected = '/data/owned 7:8\n/data/top 5:6\n/data/hard2 5:6\n/data/setuid 0:0\n3:4'
        assert.equal(sh(`${run} --rm ${map} owners sh -c ${quoted(look)}`), expected)
      },
    },
    {
      name: '--userns=keep-id: the caller’s own id inside, owners right in every layer',
      short: as === 'user',
      not: as === 'root' ? { stratafs: 'for ordinary users', 'fuse-overlayfs': 'for ordinary users' } : {},
      run(scene) {
        const look = 'id -u; stat -c "%n %u:%g" /data/owned /data/plain; echo x > /tmp/mine; stat -c %u:%g /tmp/mine'
        const said = say(scene).sh(`${run} --rm --userns=keep-id base sh -c ${quoted(look)}`)
        assert.equal(said, '4242\n/data/owned 7:8\n/data/plain 0:0\n4242:4242')
      },
    },
    {
      name: 'rm leaves no daemon, mount or socket',
      short: as === 'root',
      run(scene) {
        say(scene).sh(`${run} -d --name c base sleep 1000; podman rm -f -t 0 c`)
        expectNothingLeft(scene)
      },
    },
    {
      name: 'neither does a killed container',
      run(scene) {
        say(scene).sh(`${run} -d --name c base sleep 1000; podman kill c; podman wait c; podman rm c`)
        expectNothingLeft(scene)
      },
    },
    {
      name: 'nor a killed runtime: conmon and the container’s first process gone at once',
      run(scene) {
        const { sh } = say(scene)
        sh(`${run} -d --name c base sleep 1000`)
        for (const name of ['conmon', 'sleep']) for (const pid of processesNamed(name)) process.kill(pid, 'SIGKILL')
        sh('podman rm -f -t 0 c')
        expectNothingLeft(scene)
      },
    },
    {
      name: 'nor a killed FUSE daemon: the container is removed all the same',
      kills: true,
      run(scene) {
        const { sh } = say(scene)
        sh(`${run} -d --name c base sleep 1000`)
        const killed = daemons(scene)
        assert.equal(killed.length, 1)
        process.kill(killed[0]!, 'SIGKILL')
        sh('podman rm -f -t 0 c')
        assert.equal(sh('podman ps -aq'), '')
        // A state file of the dead daemon is swept by whoever comes next.
        if (scene.column === 'stratafs') say(scene).inside('stratafs inspect --all')
        expectNothingLeft(scene)
      },
    },
    {
      name: 'ten containers of one image at the same time',
      run(scene) {
        const { sh } = say(scene)
        sh(
          `for i in $(seq 10); do ${run} -d --name c$i base sh -c "echo $i > /data/plain; exec sleep 1000" & done; wait`,
        )
        assert.equal(daemons(scene).length, 10)
        sh('sleep 0.5')
        for (let i = 1; i <= 10; i++) assert.equal(sh(`podman exec c${i} cat /data/plain`), String(i))
        sh('podman rm -af -t 0')
        expectNothingLeft(scene)
      },
    },
    {
      name: 'an image of a hundred layers',
      run(scene) {
        const { sh } = say(scene)
        makeTallImage(scene, 100, scene.at('hundred.tar'))
        sh(`podman load -q -i ${scene.at('hundred.tar')}`)
        assert.equal(sh(`podman image inspect hundred --format '{{len .RootFS.Layers}}'`), '100')
        const look =
          'ls /layers | wc -l; cat /layers/f1 /layers/f50 /layers/f99; echo x >> /layers/f1; cat /layers/f1; ls /many | wc -l'
        assert.equal(sh(`${run} --rm hundred sh -c ${quoted(look)}`), '99\n1\n50\n99\n1\nx\n100')
        sh('podman rmi -f hundred >/dev/null')
      },
    },
    {
      name: 'system prune: nothing is left, in the storage neither',
      run(scene) {
        const { sh, inside } = say(scene)
        sh(`${run} -d base sleep 1000; ${run} base true; podman kill -a; sleep 0.5; podman system prune -af`)
        expectNothingLeft(scene)
        assert.equal(sh('podman ps -aq; podman images -aq'), '')
        const graph = sh(`podman info --format '{{.Store.GraphRoot}}'`)
        assert.equal(
          inside(
            `find ${graph}/overlay -mindepth 1 -maxdepth 1 ! -name l ! -name 'backingFsBlockDev' ! -name '.has-*' | wc -l`,
          ),
          '0',
        )
      },
    },
  ]
}

/** The cases as one user. */
export function podman(as: User): Family {
  return {
    name: `podman, as ${as === 'root' ? 'root' : 'an ordinary user'}`,
    needs: as === 'root' ? ['podman', 'crun'] : ['podman', 'crun', 'newuidmap', 'fusermount3'],
    setUp: (scene) => void scene.sh(`podman import -q ${scene.tar} base`, as),
    tidy: (scene) => void scene.try('podman rm -af -t 0', as),
    tearDown: (scene) => void scene.try('podman rm -af -t 0; podman rmi -af; podman system migrate', as),
    cases: cases(as),
  }
}
