/**
 * What an index costs: how many entries a second a build reads, bytes an entry on disk, and the memory of a mount over
 * an image of a million entries, walked to the end, with and without it. The million entries are made on a tmpfs of
 * their own.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StratafsError } from '../../src/base/failure.js'
import { buildIndex, stackConfig, statusOf } from '../../src/owner-index/api.js'
import { indexOf, type Place, subjects } from './subjects.js'

const WIDTH = 100

/** Builds an index over this machine's own /usr under a small layer, twice: disk cold or not, and warm. */
export async function benchBuild(base: string): Promise<void> {
  const small = join(base, 'small')
  mkdirSync(join(small, 'bin'), { recursive: true })
  const path = join(base, 'build.db')
  for (const words of ['first', 'again']) {
    const start = Date.now()
    const built = await buildIndex(stackConfig([small, '/usr']), path)
    if (built instanceof StratafsError) return console.log(built.message)
    report(`build of /usr, ${words}`, built.entries, Date.now() - start, path)
  }
}

function report(what: string, entries: number, ms: number, path: string): void {
  const each = statusOf(path).bytes / entries
  const rate = Math.round((entries / ms) * 1000)
  console.log(
    `${what}: ${entries} entries in ${(ms / 1000).toFixed(2)} s, ${rate} a second, ${each.toFixed(0)} bytes each`,
  )
}

/** A million entries in two layers; memory of the daemon after everything was looked at. */
export async function benchMillion(base: string): Promise<void> {
  const place: Place = { base, lowers: ['0', '1'], merged: join(base, 'm') }
  mkdirSync(place.base)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8g,nr_inodes=3m', 'stratafs-bench', place.base])
  try {
    for (const lower of [...place.lowers, 'm']) mkdirSync(join(place.base, lower))
    fillMillion(place.base)
    for (const subject of subjects().filter(({ name }) => name.startsWith('stratafs'))) {
      const start = Date.now()
      await subject.prepare(place)
      if (!subject.name.endsWith('off')) {
        const path = indexOf(place, subject.name)
        report('  build of a million', statusOf(path).entries, Date.now() - start, path)
      }
      subject.mount(place)
      try {
        execFileSync('find', [place.merged, '-printf', '%s\n'], { stdio: 'ignore' })
        console.log(`  ${subject.name}: walked a million entries, ${memoryOf(place.merged)}`)
      } finally {
        subject.unmount(place)
      }
    }
  } finally {
    execFileSync('umount', [place.base])
    rmSync(place.base, { recursive: true })
  }
}

function fillMillion(base: string): void {
  for (let a = 0; a < WIDTH; a++) {
    for (let b = 0; b < WIDTH; b++) {
      for (const lower of ['0', '1']) mkdirSync(join(base, lower, `a${a}/b${b}`), { recursive: true })
      for (let c = 0; c < WIDTH; c++) writeFileSync(join(base, String(c % 2), `a${a}/b${b}/file-${c}`), '')
    }
  }
}

/** The daemon's resident memory at the end, how much of that nobody else can share, and what it was at its highest. */
function memoryOf(merged: string): string {
  const run = process.env.STRATAFS_RUN_DIR ?? '/run/stratafs'
  const state = execFileSync('sh', ['-c', `grep -ls '"mountpoint":"${merged}"' ${run}/*.json`], { encoding: 'utf8' })
  const { pid } = JSON.parse(readFileSync(state.split('\n')[0]!, 'utf8')) as { pid: number }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const value = (key: string): string =>
    `${Math.round(Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]) / 1024)} MB`
  return `resident ${value('VmRSS')}, of that its own ${value('RssAnon')}; at most ${value('VmHWM')}`
}
