/**
 * The benchmark: its arithmetic and its pages are pure; one short run shows that every kind of side is mounted,
 * measured and taken away, and that an interrupt leaves nothing behind. How fast anything was is nobody's business
 * here.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { measuresOf } from '../../scripts/bench/any-workload.js'
import { readArguments } from '../../scripts/bench/arguments.js'
import { floorOf, median, type Results, ratio, shownFigure, shownRatio } from '../../scripts/bench/figures.js'
import { page, table } from '../../scripts/bench/page.js'
import { plot } from '../../scripts/bench/plot.js'
import { waitedFor } from '../../scripts/bench/trips.js'
import { stepWorkloads } from '../../scripts/bench/workloads.js'

const results: Results = {
  machine: { kernel: '6.18' },
  sides: [
    { name: 'overlayfs', about: 'the kernel' },
    { name: 'stratafs', about: 'ours' },
  ],
  missing: ['stratafs | cached: none'],
  rows: [
    {
      measure: { id: 'a', title: 'read < & >', unit: 's', target: 2 },
      figures: { overlayfs: [1, 3, 2], stratafs: [4, 4, 9] },
      trips: { stratafs: [2, 1, 3].map((k) => ({ requests: k * 10_000, seconds: 25e-6 })) },
    },
    { measure: { id: 'b', title: 'memory', unit: 'MB' }, figures: { overlayfs: [0], stratafs: [40] } },
    { measure: { id: 'c', title: 'failed', unit: 's' }, figures: { overlayfs: [0.005] } },
  ],
}

describe('figures of the benchmark', () => {
  it('medians', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 3]), 2.5)
    assert.ok(Number.isNaN(median([])))
  })

  it('multiples are those of medians; of nothing there are none', () => {
    assert.equal(ratio(results.rows[0]!, 'stratafs', 'overlayfs'), 2)
    assert.equal(ratio(results.rows[1]!, 'stratafs', 'overlayfs'), null)
    assert.equal(ratio(results.rows[2]!, 'stratafs', 'overlayfs'), null)
  })

  it('the floor is the time of the first side and the requests', () => {
    assert.equal(floorOf(results.rows[0]!, 'stratafs', 'overlayfs'), 1.25)
    assert.equal(floorOf(results.rows[1]!, 'stratafs', 'overlayfs'), null)
  })

  it('requests that somebody waited for are those of names and of content, not what follows on its own', () => {
    const byKind = { LOOKUP: { requests: 3 }, RELEASE: { requests: 5 }, BATCH_FORGET: { requests: 7 } }
    assert.equal(waitedFor({ byKind, data: { reads: 11, writes: 13 } }), 27)
  })

  it('are shown with as many digits as they mean', () => {
    assert.deepEqual(
      [0.0012, 0.0212, 1.234].map((s) => shownFigure(s, 's')),
      ['1.2 ms', '21 ms', '1.23 s'],
    )
    assert.deepEqual(
      [1.23, 84.2, Number.NaN].map((mb) => shownFigure(mb, 'MB')),
      ['1.2 MB', '84 MB', '–'],
    )
    assert.deepEqual([0.456, 2.345, 12.3, null].map(shownRatio), ['0.46×', '2.3×', '12×', '–'])
  })

  it('are told as a multiple of those of another measure of the same side, where both are there', () => {
    const against = { id: 'off', title: 'with, of without', target: 1.05 }
    const rows = [
      {
        measure: { id: 'on', title: 'on', unit: 's' as const, against },
        figures: { overlayfs: [1], stratafs: [2.1, 2.1, 9] },
      },
      { measure: { id: 'off', title: 'off', unit: 's' as const }, figures: { stratafs: [2] } },
    ]
    assert.match(table({ ...results, rows }), /with, of without +– +1\.05× +1\.05×\n/)
    assert.match(page({ ...results, rows }), /\| with, of without \| – \| 1\.05× \| 1\.05× \|/)
    assert.doesNotMatch(table({ ...results, rows: rows.slice(0, 1) }), /with, of without/)
    const all = stepWorkloads({ big: 1, layers: 2 } as never).flatMap(({ steps }) =>
      steps.flatMap(({ measure }) => measure ?? []),
    )
    const held = all.find(({ id }) => id === 'find-cold')?.against
    assert.equal(held?.target, 1.05)
    assert.ok(all.some(({ id }) => id === held?.id))
  })

  it('stand in the table, on the page and in the drawing', () => {
    assert.match(table(results), /read < & > +2\.00 s +4\.00 s 2\.0× +2×\n/)
    const text = page(results)
    assert.match(text, /\| read < & > \| 2\.00 s \| 4\.00 s 2\.0× \| 2× \|/)
    assert.match(text, /again for each of 3 rounds/)
    assert.match(text, /\| read < & > \| 20000 \| 25 µs \| 1\.3× \| 2\.0× \| 2× \|/)
    assert.match(text, /Left out: stratafs \| cached: none/)
    const drawing = plot(results)
    assert.match(drawing, /read &lt; &amp; &gt;|read &lt; &amp; >/)
    assert.doesNotMatch(drawing, /failed|NaN/)
  })

  it('have a name of their own each', () => {
    const ids = stepWorkloads({ big: 1, layers: 1, shared: 1 })
      .flatMap(measuresOf)
      .map((one) => one.id)
    assert.equal(new Set(ids).size, ids.length)
  })
})

describe('arguments of the benchmark', () => {
  it('are read', () => {
    const args = readArguments(['--only', 'a,b', '--only', 'c', '--peer', 'x=y z=1', '--rootfs', '/r', '--quick'])
    assert.ok(args !== null && !('error' in args))
    assert.deepEqual(args.only, ['a', 'b', 'c'])
    assert.deepEqual(args.peers, [{ name: 'x', command: 'y z=1' }])
    assert.deepEqual([args.rounds, args.rootfs, args.quick], [1, '/r', true])
  })

  it('that make no sense are refused by name', () => {
    for (const [given, words] of [
      [['--rounds', '0'], /--rounds 0/],
      [['--peer', 'x'], /NAME=COMMAND/],
      [['--nonsense'], /--nonsense/],
    ] as const) {
      const args = readArguments(given)
      assert.ok(args !== null && 'error' in args)
      assert.match(args.error, words)
    }
  })
})

const refusal = process.getuid?.() === 0 && existsSync('/dev/fuse') ? false : 'needs root and /dev/fuse'

describe('a run of the benchmark', { skip: refusal }, () => {
  const script = fileURLToPath(new URL('../../scripts/bench.js', import.meta.url))
  let base = ''
  let rootfs = ''
  let folder = ''

  before(() => {
    base = mkdtempSync(join(tmpdir(), 'stratafs-bench-test-'))
    rootfs = join(base, 'rootfs')
    folder = join(base, 'cache')
    mkdirSync(join(rootfs, 'usr/share/doc'), { recursive: true })
    for (let i = 0; i < 40; i++) writeFileSync(join(rootfs, 'usr/share/doc', `f${i}`), `file ${i}\n`)
  })

  after(() => rmSync(base, { recursive: true, force: true }))

  const options = () => ['--quick', '--rootfs', rootfs, '--folder', folder]
  const mountsLeft = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(base))

  it('measures every side and leaves nothing', () => {
    const only = ['--only', 'rm-lower-tmpfs,rss-rest', '--json']
    const once = () => spawnSync(process.execPath, [script, ...options(), ...only], { encoding: 'utf8' })
    const first = once()
    // Seen twice in some dozen runs, and not explained: a signal from inside Node at the end of the run.
    const { status, signal, stdout, stderr } = first.signal === 'SIGSEGV' ? once() : first
    assert.deepEqual([status, signal], [0, null], stderr)
    const { sides, rows, missing } = JSON.parse(stdout) as Results
    const wanted = ['rm-lower-tmpfs', 'rss-rest']
    assert.deepEqual(rows.map((row) => row.measure.id).sort(), wanted.sort())
    for (const row of rows) {
      for (const side of sides)
        assert.equal(row.figures[side.name]?.length, 1, `${row.measure.id} ${side.name}: ${missing}`)
    }
    const { trips } = rows.find((row) => row.measure.id === 'rm-lower-tmpfs')!
    const counted = sides.map(({ name }) => name).filter((name) => /^stratafs($| cached| hybrid| as user)/.test(name))
    assert.deepEqual(Object.keys(trips!), counted)
    // Of the hybrid engine only what is looked up comes.
    const least = (name: string) => (name === 'stratafs hybrid' ? 0 : 40)
    for (const name of counted) assert.ok(trips![name]![0]!.requests > least(name), name)
    assert.ok(rows.find((row) => row.measure.id === 'rss-rest')!.figures.stratafs![0]! > 1)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('run-')),
      [],
    )
    assert.deepEqual(mountsLeft(), [])
    assert.equal(readdirSync(join(rootfs, 'usr/share/doc')).length, 40)
  })

  it('interrupted leaves nothing', async () => {
    const child = spawn(process.execPath, [script, ...options(), '--only', 'small-files', '--rounds', '50'], {
      stdio: 'ignore',
    })
    const ended = endOf(child)
    await until(() => mountsLeft().some((line) => line.includes('one-merged')))
    child.kill('SIGINT')
    assert.equal(await ended, 130)
    assert.deepEqual(mountsLeft(), [])
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('run-')),
      [],
    )
  })

  it('that of the index, interrupted, leaves nothing', async () => {
    const indexed = fileURLToPath(new URL('../../scripts/bench-index.js', import.meta.url))
    const room = join(base, 'room')
    const child = spawn(process.execPath, [indexed, '--only', 'layers', '--rounds', '50', '1'], {
      stdio: 'ignore',
      env: { ...process.env, BENCH_DIR: room },
    })
    const ended = endOf(child)
    await until(() => mountsLeft().some((line) => line.includes(room)))
    child.kill('SIGINT')
    assert.equal(await ended, 130)
    assert.deepEqual([mountsLeft(), readdirSync(room)], [[], []])
  })
})

const endOf = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.on('exit', resolve))

async function until(holds: () => boolean): Promise<void> {
  const late = Date.now() + 20_000
  while (!holds()) {
    assert.ok(Date.now() < late, 'it did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
