/**
 * Names in directories that join many layers, looked up one by one, changed, forgotten by the kernel and looked up
 * again: as kernel overlayfs shows them. Without an index such a directory is read after some lookups, and where a name
 * stands is known from then on.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsRoot, type Workspace, workspace } from './harness.js'

const LAYERS = 12

/** Each layer has a file of its own and one that all have; one hides a name of those below it, one ends the search. */
function layers(w: Workspace): string {
  const paths = Array.from({ length: LAYERS }, (_, i) => join(w.root, `l${i}`))
  for (const [i, path] of paths.entries()) {
    mkdirSync(join(path, 'd/sub'), { recursive: true })
    writeFileSync(join(path, `d/own-${i}`), `${i}`)
    writeFileSync(join(path, 'd/all'), `all ${i}`)
    writeFileSync(join(path, `d/sub/${i}`), `${i}`)
    if (i > 4) writeFileSync(join(path, 'd/hidden'), `${i}`)
    if (i > 6) mkdirSync(join(path, `d/late/${i}`), { recursive: true })
  }
  spawnSync('mknod', [join(paths[4]!, 'd/hidden'), 'c', '0', '0'])
  return paths.join(':')
}

const NAMES = [
  'all',
  'hidden',
  'absent',
  'late',
  'sub',
  'new',
  'moved',
  ...Array.from({ length: LAYERS }, (_, i) => `own-${i}`),
]

/** One name after the other, as the kernel has forgotten them all but their directory, in which the shell is. */
const LOOK = `sync; echo 2 > /proc/sys/vm/drop_caches; for n in ${NAMES.join(' ')}; do stat -c "%n %F %a %s %h" $n 2>&1; cat $n 2>/dev/null; done; ls sub late`

const STEPS = [
  ':',
  'echo x > new; rm own-3; chmod 600 own-9',
  'mv own-5 moved; echo y > own-3; mkdir hidden; rm all',
  'rm -r late; mkdir late; mv new own-8; echo z > all',
  'rm -r sub; rm own-0 moved; ln own-9 new; echo more >> own-11',
]

function seen(root: string, step: string): string {
  const { stdout, stderr, status } = spawnSync('sh', ['-c', `${LOOK}; ${step}; ${LOOK}`], {
    cwd: join(root, 'd'),
    encoding: 'utf8',
  })
  assert.equal(stderr.includes('Input/output'), false, stderr)
  return `${status} ${stdout}`
}

for (const more of [',index=off', '', ',index=immutable']) {
  test(`a directory of many layers, changed under lookups${more}`, needsRoot, (t) => {
    const w = workspace(t)
    const lowers = layers(w)
    const kernel = ['merged', 'upper', 'work'].map((name) => join(w.root, `kernel-${name}`))
    for (const path of kernel) mkdirSync(path)
    const options = `lowerdir=${lowers},upperdir=${kernel[1]},workdir=${kernel[2]}`
    const mounted = spawnSync('mount', [
      '-t',
      'overlay',
      'overlay',
      '-o',
      `redirect_dir=on,index=on,${options}`,
      kernel[0]!,
    ])
    t.after(() => spawnSync('umount', [kernel[0]!]))
    assert.equal(mounted.status, 0, `${mounted.stderr}`)
    const { status, stderr } = w.run('-o', `lowerdir=${lowers},upperdir=${w.upper},workdir=${w.work}${more}`, w.merged)
    assert.equal(status, 0, stderr)
    for (const step of STEPS) assert.equal(seen(w.merged, step), seen(kernel[0]!, step), step)
  })
}
