/**
 * A short form of the ten-minute load (scripts/load.sh): fifteen seconds of everything at once on one mount. Afterwards
 * nothing may have failed, the lower layer is what it was, and what the daemon took it has given back: descriptors,
 * nodes that the kernel has forgotten, memory. STRATAFS_LOAD_SECONDS makes it as long as wanted.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'

const root = checkoutRoot()
const seconds = Number(process.env.STRATAFS_LOAD_SECONDS ?? 15)
const asRoot = process.getuid?.() === 0
let place = ''
let merged = ''

/** Runs a program to its end; its output, or a failed assertion with everything it said. */
function run(program: string, ...args: string[]): string {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  assert.equal(result.status, 0, `${program} ${args.join(' ')}: ${result.error ?? ''}${result.stdout}${result.stderr}`)
  return result.stdout
}

const stratafs = (...args: string[]): string => run(process.execPath, join(root, 'dist/src/cli/stratafs.cjs'), ...args)

/** One checksum over names, owners, modes, times, attributes and contents below `directory`. */
function fingerprint(directory: string): string {
  const tar = `tar --sort=name --numeric-owner --xattrs --xattrs-include='*' --format=posix \
    --pax-option=delete=atime,delete=ctime -C "$1" -cf - . | sha256sum`
  return run('bash', '-c', tar, 'fingerprint', directory)
}

interface Held {
  readonly descriptors: number
  readonly megabytes: number
  readonly nodes: number
}

/** What the daemon holds once the kernel has been made to forget. */
async function heldByDaemon(): Promise<Held> {
  for (let round = 0; round < 3; round++) {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  const pid = (JSON.parse(stratafs('inspect', merged)) as [{ Pid: number }])[0].Pid
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const nodes = /^nodes\s+(\d+)/m.exec(stratafs('stats', merged))
  assert.ok(nodes, 'stats tells the number of nodes')
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    megabytes: Number(/VmRSS:\s*(\d+)/.exec(status)![1]) / 1024,
    nodes: Number(nodes[1]),
  }
}

before(() => {
  place = mkdtempSync(join(tmpdir(), 'stratafs-load-'))
  merged = join(place, 'merged')
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(place, name))
  run(
    'bash',
    '-c',
    'tar -C /usr -cf - include/c++ lib/python3 2>/dev/null | tar -C "$1" -xf -',
    'x',
    join(place, 'lower'),
  )
})

after(() => {
  spawnSync('umount', ['-l', merged], { stdio: 'ignore' })
  rmSync(place, { recursive: true, force: true })
})

test('mixed parallel load leaves no error and nothing held', {
  skip: !asRoot && 'drops caches: root only',
}, async (t) => {
  const untouched = fingerprint(join(place, 'lower'))
  stratafs(
    ...['mount', '--lower', join(place, 'lower'), '--upper', join(place, 'upper')],
    ...['--work', join(place, 'work'), merged],
  )
  const first = await heldByDaemon()
  t.diagnostic(run('bash', join(root, 'scripts/load.sh'), merged, String(seconds)))
  const last = await heldByDaemon()
  t.diagnostic(`before ${JSON.stringify(first)}, after ${JSON.stringify(last)}`)
  // A few may be in use by whoever looks through the machine meanwhile; memory is also what V8 has not collected yet.
  assert.ok(last.descriptors < first.descriptors + 100, 'descriptors are closed')
  assert.ok(last.nodes < first.nodes + 100, 'nodes are forgotten')
  assert.ok(last.megabytes < first.megabytes + 250, 'memory stays within bounds')
  stratafs('unmount', merged)
  assert.equal(fingerprint(join(place, 'lower')), untouched, 'the lower layer is what it was')
})
