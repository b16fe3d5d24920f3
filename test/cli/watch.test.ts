/** For whoever watches a machine: `health`, and counters as Prometheus reads them. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { prometheusText } from '../../src/cli/commands/prometheus.js'
import { daemonPids, needsRoot, workspace } from '../daemon/harness.js'

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
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
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
