/** buildah, as root and as an ordinary user: it shares podman's storage and its mount program. */
import assert from 'node:assert/strict'
import type { Case, Family } from '../case.js'
import { expectNothingLeft } from '../leftovers.js'
import type { User } from '../scene.js'
import { expectCleanLayer, FINGERPRINT, topLayer } from './image.js'
import { CHANGES, CLOSED_ACTS, CLOSED_BELOW, CLOSED_KEPT, CLOSED_LOOK, CLOSED_TREE, quoted } from './words.js'

/** No network of its own, and the isolation that needs no cgroups. */
const run = 'buildah run --isolation chroot'

function cases(as: User): Case[] {
  return [
    {
      name: 'from, run, copy, config, commit: the image shows what the working container showed',
      short: as === 'root',
      run(scene) {
        const sh = (script: string) => scene.sh(script, as)
        sh('echo copied > file; buildah from --name w base >/dev/null')
        sh(`buildah copy -q w file /made/copied >/dev/null; ${run} w -- sh -c ${quoted(`rm -rf /made; ${CHANGES}`)}`)
        sh('buildah copy -q w file /made/copied >/dev/null; buildah config --env NAME=value w')
        const before = sh(`${run} w -- sh -c ${quoted(FINGERPRINT)}`)
        sh('buildah commit -q w made')
        sh('buildah from --name again made >/dev/null')
        assert.equal(sh(`${run} again -- sh -c ${quoted(FINGERPRINT)}`), before)
        assert.equal(sh(`${run} again -- sh -c 'echo $NAME; cat /made/copied'`), 'value\ncopied')
        sh('rm -f made.tar; buildah push -q made docker-archive:made.tar:made:latest')
        expectCleanLayer(topLayer(scene, scene.at(as, 'made.tar')))
      },
    },
    {
      name: 'mount: the working container as a directory, written from outside',
      run(scene) {
        const enter = as === 'root' ? 'bash -euc' : 'buildah unshare bash -euc'
        const script =
          'm=$(buildah mount w); cat $m/data/plain; echo outside > $m/data/outside; rm $m/data/owned; buildah umount w >/dev/null'
        assert.equal(scene.sh(`buildah from --name w base >/dev/null; ${enter} ${quoted(script)}`, as), 'base')
        expectNothingLeft(scene)
        const look = 'cat /data/outside; test ! -e /data/owned'
        assert.equal(scene.sh(`${run} w -- sh -c ${quoted(look)}`, as), 'outside')
      },
    },
    {
      name: 'a volume with :O of closed files and directories: all changed, and as they were afterwards',
      run(scene) {
        const sh = (script: string) => scene.sh(script, as)
        sh(`buildah from --name w base >/dev/null; ${CLOSED_TREE}`)
        assert.equal(sh(`${run} -v "$PWD/t:/t:O" w -- sh -ec ${quoted(CLOSED_ACTS)}`), CLOSED_LOOK)
        assert.equal(sh(CLOSED_KEPT), CLOSED_BELOW)
        expectNothingLeft(scene)
      },
    },
    {
      name: 'build with several stages: a file copied from one image into another',
      run(scene) {
        const file =
          'FROM base AS first\nRUN echo made > /made && rm -r /many\nFROM base\nCOPY --from=first /made /data/made\n'
        scene.sh(
          `mkdir -p stages; printf ${quoted(file)} > stages/Dockerfile; buildah build --isolation chroot -q -t staged stages`,
          as,
        )
        scene.sh('buildah from --name w staged >/dev/null', as)
        assert.equal(scene.sh(`${run} w -- sh -c 'cat /data/made; ls /many | wc -l'`, as), 'made\n100')
      },
    },
    {
      name: 'rm leaves no daemon, mount or socket',
      run(scene) {
        scene.sh(`buildah from --name w base >/dev/null; ${run} w -- touch /x; buildah rm -a >/dev/null`, as)
        expectNothingLeft(scene)
      },
    },
  ]
}

/** The cases as one user. */
export function buildah(as: User): Family {
  return {
    name: `buildah, as ${as === 'root' ? 'root' : 'an ordinary user'}`,
    needs: as === 'root' ? ['buildah', 'podman'] : ['buildah', 'podman', 'newuidmap', 'fusermount3'],
    setUp: (scene) => void scene.sh(`podman import -q ${scene.tar} base`, as),
    tidy: (scene) => void scene.try('buildah rm -a', as),
    tearDown: (scene) => void scene.try('buildah rm -a; buildah rmi -af; podman system migrate', as),
    cases: cases(as),
  }
}
