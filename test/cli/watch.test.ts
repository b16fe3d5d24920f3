/** For whoever watches a machine: `health`, and counters as Prometheus reads them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { prometheusText } from '../../src/cli/commands/prometheus.js'
import { daemonPids, MAIN, needsRoot, workspace } from '../daemon/harness.js'

test('counters in Prometheus’ text format', () => {
  const one = {
    nodes: 4,
    copyUps: 1,
    index: { state: 'on', complete: true },
    byKind: { GETATTR: { requests: 2, errors: 0 } },
  }
  const text = prometheusText([
    { mountpoint: '/a "b"\\c\n', counters: one },
    { mountpoint: '/m', counters: { nodes: 5 } },
  ])
  assert.equal(
    text,
    [
      '# TYPE stratafs_up gauge',
      'stratafs_up{mountpoint="/a \\"b\\"\\\\c\\n"} 1',
      'stratafs_up{mountpoint="/m"} 1',
      '# TYPE stratafs_nodes gauge',
      'stratafs_nodes{mountpoint="/a \\"b\\"\\\\c\\n"} 4',
      'stratafs_nodes{mountpoint="/m"} 5',
      '# TYPE stratafs_copy_ups_total counter',
      'stratafs_copy_ups_total{mountpoint="/a \\"b\\"\\\\c\\n"} 1',
      '# TYPE stratafs_index_complete gauge',
      'stratafs_index_complete{mountpoint="/a \\"b\\"\\\\c\\n"} 1',
      '# TYPE stratafs_opcode_requests_total counter',
      'stratafs_opcode_requests_total{mountpoint="/a \\"b\\"\\\\c\\n",opcode="GETATTR"} 2',
      '# TYPE stratafs_opcode_errors_total counter',
      'stratafs_opcode_errors_total{mountpoint="/a \\"b\\"\\\\c\\n",opcode="GETATTR"} 0',
      '',
    ].join('\n'),
  )
})

test('a mount is healthy until its daemon stands still or dies', needsRoot, (t) => {
  const w = workspace(t)
  // Which has no effect here: what is killed stays in the table.
  assert.equal(w.run('-o', `${w.options},auto_unmount`, w.merged).status, 0)
  readdirSync(join(w.merged))
  const counters = w.run('stats', '--all', '--prometheus')
  assert.match(counters.stdout, new RegExp(`^stratafs_requests_total\\{mountpoint="${w.merged}"\\} [1-9]`, 'm'))
  const [all] = JSON.parse(w.run('stats', '--all', '--json').stdout).mounts
  assert.equal(all.mountpoint, w.merged)
  // Other mounts of the machine stand in the list, too: only ours is looked at.
  const ours = () =>
    JSON.parse(w.run('health', '--json').stdout).mounts.find(
      (each: { mountpoint: string }) => each.mountpoint === w.merged,
    )
  assert.equal(ours().fault, null)
  const [pid] = daemonPids(w.runDirectory)
  process.kill(pid!, 'SIGSTOP')
  assert.equal(w.run('health').status, 1)
  assert.equal(ours().fault, 'no answer within 1 s')
  process.kill(pid!, 'SIGKILL')
  assert.match(w.run('health').stdout, /\/merged +transport endpoint is not connected +/)
  assert.match(w.run('list').stdout, /\/merged +- +- +dead +- +-\n/)
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('a mount whose daemon has another run directory is served, and said to be', needsRoot, (t) => {
  const w = workspace(t)
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
  const [pid] = daemonPids(w.runDirectory)
  const other = mkdtempSync(join(tmpdir(), 'stratafs-other-'))
  t.after(() => rmSync(other, { recursive: true, force: true }))
  const elsewhere = (...words: string[]) =>
    spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', env: { ...w.env, STRATAFS_RUN_DIR: other } })
  const listed = JSON.parse(elsewhere('list', '--json').stdout).mounts.find(
    (each: { mountpoint: string }) => each.mountpoint === w.merged,
  )
  assert.deepEqual([listed.state, listed.mode, listed.pid], ['elsewhere', 'rw', pid])
  assert.equal(listed.layers.at(-1).path, join(w.root, 'base'))
  const remedy = `process ${pid}, which has another run directory: set STRATAFS_RUN_DIR=${w.runDirectory}`
  for (const words of [
    ['inspect', w.merged],
    ['stats', w.merged],
    ['which', join(w.merged, 'a')],
    ['index', 'status', w.merged],
    ['diff', w.merged],
    ['explore', w.merged, '--json'],
  ]) {
    const { status, stderr } = elsewhere(...words)
    assert.deepEqual([status, stderr.includes(remedy)], [1, true], `${words.join(' ')}: ${stderr}`)
  }
})

test('a mount above a mount is made, and says that it covers one; --format tells both', needsRoot, (t) => {
  const w = workspace(t)
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
  const second = w.run('-o', `lowerdir=${join(w.root, 'base')}`, w.merged)
  t.after(() => w.run('unmount', w.merged))
  assert.equal(second.status, 0)
  assert.match(second.stderr, new RegExp(`a stratafs mount is on ${w.merged} already: this one covers it until`))
  const lines = w.run('list', '--format', '{{.Mountpoint}} {{.State}} {{.Mode}} {{.UpperSize}} {{.Layers}}')
  const ours = lines.stdout.split('\n').filter((line) => line.startsWith(`${w.merged} `))
  assert.deepEqual(
    ours.map((line) => line.split(' ').slice(1, 3).join(' ')),
    ['serving rw', 'serving ro'],
  )
  assert.match(w.run('list', '--format', 'table {{.Pid}}\t{{.Upper}}').stdout, /^PID +UPPER\n/)
  assert.match(w.run('list', '--format', '{{.Nothing}}').stderr, /Nothing/)
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.equal(readdirSync(w.merged).length > 0, true, 'the first is there again')
})
