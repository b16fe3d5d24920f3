/** The workloads that are steps in one mount, in the order in which they are run and shown. */
import type { Medium } from './ground.js'
import type { Material, Sizes } from './material.js'
import type { Measure, Step, Workload } from './workload.js'

const rootfs = (material: Material) => [material.rootfs]
const nothing = (material: Material) => [material.empty]
const bigFiles = (material: Material) => [material.big]
const stack = (material: Material) => material.stack

const FIND = 'find "$M" -xdev -printf "%s %u %m\\n"'
/** GNU tar does not read files when it sees that it writes to /dev/null. */
const READ_ALL = 'tar -C "$M" --null --no-recursion -T "$SMALL" -cf - | cat'
/** All but devices, which not everybody may make or touch. */
const ALL = '$(ls -A | grep -vx dev)'
/** Some 2,500 files of a Debian: enough to see, few enough where each is synced. */
const PART = 'etc usr/bin usr/sbin usr/lib'
const CHOWN = `cd "$M"; chown -hR 1234:1234 ${PART}`
const REMOVE = `cd "$M"; rm -rf ${ALL}`

function seconds(id: string, title: string, target?: number, cachedTarget?: number): Measure {
  return {
    id,
    title,
    unit: 's',
    ...(target === undefined ? {} : { target }),
    ...(cachedTarget === undefined ? {} : { cachedTarget }),
  }
}

/** Waits until what the last step left dirty is written, so that the next does not pay for it. */
const settle: Step = { run: 'sync -f "$M"' }

/** A first walk of a new mount, whose index is being made meanwhile, against one of a mount that makes none. */
const INDEX_OFF = {
  id: 'find-cold-off',
  title: 'the first cold find, as a multiple of that with index=off',
  target: 1.05,
}

const walkWithoutIndex: Workload = {
  lowers: rootfs,
  medium: 'disk',
  own: 'index=off',
  steps: [{ measure: seconds(INDEX_OFF.id, 'find and stat it, cold, ours with index=off'), run: FIND, cold: true }],
}

const walk: Workload = {
  lowers: rootfs,
  medium: 'disk',
  steps: [
    {
      measure: { ...seconds('find-cold', 'find and stat a root filesystem, cold', 1.6), against: INDEX_OFF },
      run: FIND,
      cold: true,
    },
    { run: FIND },
    { measure: seconds('find-warm', 'the same, warm', 1.0), run: FIND },
  ],
}

const readAll: Workload = {
  lowers: rootfs,
  medium: 'disk',
  steps: [
    { measure: seconds('read-all-cold', 'read every small file, cold', 1.5), run: READ_ALL, cold: true },
    { run: READ_ALL },
    { measure: seconds('read-all-warm', 'the same, warm', 2.0, 1.1), run: READ_ALL },
  ],
}

function untar(medium: Medium, target: { untar?: number; remove: number }): Workload {
  return {
    lowers: nothing,
    medium,
    steps: [
      {
        measure: seconds(`untar-${medium}`, `untar a root filesystem, upper on ${medium}`, target.untar),
        run: 'tar -C "$M" -xf "$TAR"',
      },
      settle,
      { measure: seconds(`rm-upper-${medium}`, `rm -rf of it, on ${medium}`, target.remove), run: REMOVE },
    ],
  }
}

function removeLower(medium: Medium, target: number): Workload {
  const measure = seconds(`rm-lower-${medium}`, `rm -rf of a lower layer, upper on ${medium}`, target)
  return { lowers: rootfs, medium, steps: [{ run: FIND }, { measure, run: REMOVE }] }
}

/** `own`: an option that only ours get. */
function chown(medium: Medium, target: number, own?: 'metacopy=on' | 'volatile'): Workload {
  const id = own === undefined ? `chown-${medium}` : `chown-own-${own.split('=')[0]}-${medium}`
  const title = `chown -R of a part of a lower layer${own === undefined ? '' : `, ours with ${own}`}, upper on ${medium}`
  const step = { measure: seconds(id, title, target), run: CHOWN }
  return { lowers: rootfs, medium, ...(own === undefined ? {} : { own }), steps: [{ run: FIND }, step] }
}

/** With metacopy on all sides that have it. */
function chownMetacopy(medium: Medium): Workload {
  const title = `chown -R of a part of a lower layer, metacopy=on, upper on ${medium}`
  const step = { measure: seconds(`chown-metacopy-${medium}`, title), run: CHOWN }
  return { lowers: rootfs, medium, metacopy: true, steps: [{ run: FIND }, step] }
}

function smallFiles(medium: Medium, target: number): Workload {
  const work = `mkdir "$M/s"; cd "$M/s"; seq 4000 | split -l 1 -a 4; find . -size +0 -printf "%s %m\\n"; cd /; rm -r "$M/s"`
  const measure = seconds(`small-files-${medium}`, `4,000 small files created, statted, removed, on ${medium}`, target)
  return { lowers: nothing, medium, steps: [{ measure, run: work }] }
}

/** usr/share of a root filesystem: what a big source tree looks like to git. */
function git(medium: Medium, target: number): Workload {
  const prepare =
    'cd "$M/usr/share"; git init -q .; git config gc.auto 0; find . -type f | sed -n 1,5000p | xargs -d "\\n" cat'
  return {
    lowers: rootfs,
    medium,
    steps: [
      { run: prepare },
      {
        measure: seconds(`git-add-${medium}`, `git add of a tree, upper on ${medium}`, target),
        run: 'cd "$M/usr/share"; git add -A .',
      },
      {
        measure: seconds(`git-status-${medium}`, `git status of it, upper on ${medium}`),
        run: 'cd "$M/usr/share"; git status --porcelain',
      },
    ],
  }
}

const TOUCH_BIG = 'printf x >> "$M/big"'
/** Ours goes on copying when the first write has returned: this waits for all of it, as kernel overlayfs did before. */
const TOUCH_WHOLE = `${TOUCH_BIG}; sync "$M/big"`
/** So many seconds would 100,000 writes take. */
const WRITE_FIO = `fio --name=write --filename="$M/big" --rw=randwrite --bs=4k --time_based --runtime=8 --minimal | awk -F";" '{ print $50 * 400 / $47 }' >&3`

function writePages(sizes: Sizes): string {
  return `dd if=/dev/zero of="$M/p" bs=4k count=${sizes.big * 32}`
}

const READ_FIO = (kind: string, more: string) =>
  `fio --name=read --filename="$M/big" --readonly --invalidate=0 --bs=4k --rw=${kind} ${more} --minimal | cut -d";" -f9 | awk '{ print $1 / 1000 }' >&3`

function bigData(sizes: Sizes): Workload[] {
  const read = `dd if="$M/big" of=/dev/null bs=1M`
  const memory = 2 * sizes.big
  const random = READ_FIO('randread', `--io_size=${Math.max(8, sizes.big / 16)}m`)
  const steps: Step[] = [
    { measure: seconds('read-cold', 'sequential read, cold', 1.05, 1.3), run: read, cold: true, memory },
    { run: read },
    { measure: seconds('read-warm', 'the same, warm', 1.05, 1.05), run: read },
    { measure: seconds('random-warm', 'random 4 KiB reads, warm', 1.05), run: READ_FIO('randread', '') },
    { measure: seconds('random-cold', 'the same, cold', 1.05), run: random, cold: true },
    {
      measure: seconds('mmap-cold', 'read through a mapping, cold', 1.05),
      run: READ_FIO('read', '--ioengine=mmap'),
      cold: true,
      memory,
    },
    { run: read },
    {
      measure: seconds('copy-up', `copy-up of ${sizes.big} MiB by one byte, all of it synced`, 1.1),
      run: TOUCH_WHOLE,
      memory,
    },
  ]
  return [
    { lowers: bigFiles, medium: 'disk', times: 3, steps },
    firstWrite(sizes),
    copyUpUnsynced(sizes),
    written('disk', sizes, [1.1, 1.3, 1.5]),
    written('tmpfs', sizes, [1.1, 2]),
    gathered(sizes),
  ]
}

/** What is written while ours is still copying, and right after, against kernel overlayfs after its copy-up. */
function firstWrite(sizes: Sizes): Workload {
  const first = seconds('first-write', `first byte written to a lower file of ${sizes.big} MiB`, 0.02)
  const random = seconds('random-write', `random 4 KiB writes to it, from then on (fio, 8 s; per 100,000)`, 1.1)
  const memory = 2 * sizes.big
  const steps: Step[] = [
    { run: 'cat "$M/big"' },
    { measure: first, run: TOUCH_BIG, memory },
    { measure: random, run: WRITE_FIO },
  ]
  return { lowers: bigFiles, medium: 'disk', times: 3, steps }
}

function copyUpUnsynced(sizes: Sizes): Workload {
  const measure = seconds('copy-up-volatile', `copy-up of ${sizes.big} MiB by one byte, ours with volatile`, 0.3)
  return {
    lowers: bigFiles,
    medium: 'disk',
    own: 'volatile',
    times: 3,
    steps: [{ run: 'cat "$M/big"' }, { measure, run: TOUCH_WHOLE, memory: 2 * sizes.big }],
  }
}

/** Only the cached mode takes note of it. */
function gathered(sizes: Sizes): Workload {
  const measure = seconds('write-4k-gathered', '4 KiB writes, on disk, ours with writeback=1', 1.5)
  return { lowers: nothing, medium: 'disk', own: 'writeback=1', times: 2, steps: [{ measure, run: writePages(sizes) }] }
}

function written(medium: Medium, sizes: Sizes, [large, small, cached]: readonly number[]): Workload {
  const sequential = `dd if=/dev/zero of="$M/w" bs=1M count=${sizes.big / 2}`
  return {
    lowers: nothing,
    medium,
    times: 2,
    steps: [
      {
        measure: seconds(`write-${medium}`, `sequential write, on ${medium}`, large),
        run: sequential,
        memory: 2 * sizes.big,
      },
      settle,
      { measure: seconds(`write-4k-${medium}`, `4 KiB writes, on ${medium}`, small, cached), run: writePages(sizes) },
    ],
  }
}

const dpkg: Workload = {
  lowers: rootfs,
  medium: 'disk',
  steps: [
    { run: 'mkdir -p "$M"/var/lib/dpkg/{info,updates,triggers}; touch "$M/var/lib/dpkg/status"' },
    {
      measure: seconds('dpkg', 'dpkg unpacks 800 files over those of the root'),
      run: 'dpkg --root="$M" --force-all --unpack "$DEB"',
    },
  ],
}

const STAT = (list: string) => `cd "$M"; xargs -a "${list}" stat -c %s 2>/dev/null || :`

/** `index`: which one we have, built before; none: the first mount of these layers. */
function deep(layers: number, index?: 'on' | 'immutable'): Workload {
  const id = index === undefined ? 'deep' : `deep-${index}`
  const title = `${layers} layers${index === undefined ? '' : `, our index=${index} built before`}:`
  const find = seconds(`${id}-find-cold`, `${title} find and stat, cold`, 0.7)
  const stat = seconds(`${id}-stat-cold`, `${title} stat in random order, cold`, 0.7)
  const absent = seconds(`${id}-absent`, `${title} names that are absent`, 0.7)
  const steps: Step[] = [
    { measure: find, run: FIND, cold: true },
    { measure: stat, run: STAT('$NAMES'), cold: true },
    { measure: absent, run: STAT('$ABSENT') },
  ]
  const wishes = index === undefined ? {} : { indexed: true, own: `index=${index}` }
  return { lowers: stack, medium: 'disk', ...wishes, steps }
}

/** All of them. */
export function stepWorkloads(sizes: Sizes): Workload[] {
  return [
    walk,
    walkWithoutIndex,
    readAll,
    untar('disk', { remove: 4 }),
    untar('tmpfs', { untar: 5, remove: 5 }),
    removeLower('disk', 3),
    removeLower('tmpfs', 5),
    chown('disk', 0.6),
    chown('disk', 0.2, 'metacopy=on'),
    chownMetacopy('disk'),
    chown('disk', 0.6, 'volatile'),
    chown('tmpfs', 3.5),
    ...bigData(sizes),
    smallFiles('disk', 1.4),
    smallFiles('tmpfs', 7),
    git('disk', 1.6),
    git('tmpfs', 3),
    dpkg,
    deep(sizes.layers),
    deep(sizes.layers, 'on'),
    deep(sizes.layers, 'immutable'),
  ]
}
