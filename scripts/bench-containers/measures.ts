/**
 * Plays the container benchmark inside the namespaces that test/attach/ground.sh makes, and writes its figures as JSON.
 * Arguments: ROOM RESULT ROUNDS [PART].
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { awaitPodman, daemons } from '../../test/attach/leftovers.js'
import { type Column, Scene, type User } from '../../test/attach/scene.js'

/** One measure: every round's value, by side. */
export interface Figure {
  readonly what: string
  readonly unit: 's' | 'MB'
  readonly values: Record<Column, number[]>
}

const COLUMNS: readonly Column[] = ['fuse-overlayfs', 'stratafs']
const INSTRUCTIONS = 16
const RUNS = 5
const CONTAINERS = 30

const [room = '', result = '', rounds = '1', part = ''] = process.argv.slice(2)
const figures = new Map<string, Figure>()

function note(what: string, unit: Figure['unit'], column: Column, value: number): void {
  const figure = figures.get(what) ?? { what, unit, values: { 'fuse-overlayfs': [], stratafs: [] } }
  figure.values[column].push(value)
  figures.set(what, figure)
}

function sceneOf(column: Column): Scene {
  const own = join(room, column)
  mkdirSync(own)
  const install = join(room, 'install')
  return column === 'fuse-overlayfs'
    ? new Scene({ column, path: '/usr/bin/fuse-overlayfs', directories: [] }, own)
    : new Scene({ column, path: join(install, 'bin/stratafs'), directories: [join(install, 'bin')] }, own)
}

/** The host stays, as it does for whoever uses containers; cases want it to end at once. */
const KEPT = 'export STRATAFS_HOST_IDLE=60; '

/** Seconds that shell lines take. */
function timed(scene: Scene, as: User, script: string): number {
  awaitPodman()
  const begin = performance.now()
  scene.sh(KEPT + script, as)
  return (performance.now() - begin) / 1000
}

const DOCKERFILE = ['FROM base', ...Array.from({ length: INSTRUCTIONS }, (_, i) => `RUN echo ${i} > /data/n${i}`)]

function prepare(scene: Scene, as: User): void {
  scene.sh(`${KEPT}podman import -q ${scene.tar} base >/dev/null`, as)
  scene.sh(
    `mkdir -p context; printf '%s\\n' ${DOCKERFILE.map((line) => `'${line}'`).join(' ')} > context/Dockerfile`,
    as,
  )
}

function build(scene: Scene, as: User, where: string): void {
  const took = timed(scene, as, 'podman build -q --network=host --no-cache --layers -t built context >/dev/null')
  note(`podman build of ${INSTRUCTIONS} instructions, ${as}${where}`, 's', scene.column, took)
  timed(scene, as, 'podman rmi -f built >/dev/null')
}

function runOne(scene: Scene, as: User): void {
  for (let i = 0; i < RUNS; i++)
    note(`podman run --rm, ${as}`, 's', scene.column, timed(scene, as, 'podman run --rm --network=host base true'))
}

/** Bytes of memory that are the processes' own, with their part of what they share. */
function memory(pids: readonly number[]): number {
  const pss = (pid: number) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1])
  return pids.reduce((sum, pid) => sum + pss(pid) * 1024, 0)
}

function many(scene: Scene): void {
  const start = `for i in $(seq ${CONTAINERS}); do podman run -d --network=host --name c$i base sleep 600 >/dev/null & done; wait`
  note(`${CONTAINERS} containers started side by side, root`, 's', scene.column, timed(scene, 'root', start))
  note(`memory (PSS) of what serves ${CONTAINERS} containers`, 'MB', scene.column, memory(daemons(scene)) / 1e6)
  const took = timed(scene, 'root', 'podman rm -fa -t 0 >/dev/null')
  note(`${CONTAINERS} containers removed, root`, 's', scene.column, took)
}

/** Runs `work` while every processor has something else to do. */
function whileBusy(work: () => void): void {
  const busy: ChildProcess[] = Array.from({ length: availableParallelism() }, () =>
    spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }),
  )
  try {
    work()
  } finally {
    for (const process of busy) process.kill('SIGKILL')
  }
}

const USERS: readonly User[] = ['root', 'user']
const PARTS: Readonly<Record<string, (scene: Scene) => void>> = {
  build: (scene) => USERS.forEach((as) => void build(scene, as, '')),
  busy: (scene) => whileBusy(() => USERS.forEach((as) => void build(scene, as, ', processors busy'))),
  run: (scene) => USERS.forEach((as) => void runOne(scene, as)),
  many,
}

const scenes = COLUMNS.map(sceneOf)
for (const scene of scenes) for (const as of USERS) prepare(scene, as)
for (let round = 0; round < Number(rounds); round++)
  for (const [name, measure] of Object.entries(PARTS)) {
    if (part !== '' && part !== name) continue
    process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`)
    for (const scene of round % 2 === 0 ? scenes : [...scenes].reverse()) measure(scene)
  }
writeFileSync(result, JSON.stringify([...figures.values()]))
