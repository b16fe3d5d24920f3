/**
 * What whoever runs a machine sees of mounts beside the files: processes by their name, logs that do not gather, and
 * the journal with its fields. The journal is a socket in the place of systemd's, in a mount namespace of its own.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLogger } from '../../src/base/log.js'
import { KEPT_LOGS } from '../../src/daemon/mount/old-logs.js'
import { sweepDead } from '../../src/daemon/mount/run-directory.js'
import { journalEntry } from '../../src/daemon/process/journal.js'
import { notInstalled } from '../tools/installed.js'
import { daemonPids, eventually, LAUNCH, MAIN, needsRoot, workspace } from './harness.js'

const NOBODY = 2 ** 22 + 1

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'stratafs-logs-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

for (const [how, program, words] of [
  ['launched', LAUNCH, []],
  ['started by the command', process.execPath, [MAIN]],
] as const)
  test(`ps shows a mount's process as stratafs with its mountpoint, and no node: ${how}`, needsRoot, async (t) => {
    const w = workspace(t)
    const made = spawnSync(program, [...words, '-o', w.options, w.merged], { encoding: 'utf8', env: w.env })
    assert.equal(made.status, 0, made.stderr)
    const [pid] = daemonPids(w.runDirectory)
    const said = (...format: string[]) => execFileSync('ps', [...format, '-p', String(pid)], { encoding: 'utf8' })
    await eventually(() => said('-o', 'args=').startsWith('stratafs '), 5_000)
    assert.match(said('-o', 'args='), new RegExp(`^stratafs .*${w.merged}\n$`))
    assert.equal(said('-o', 'comm='), 'stratafs\n')
    assert.doesNotMatch(said('-L', '-o', 'comm='), /^(node|MainThread)/m)
  })

/** A log of a dead process, so many minutes old. */
function oldLog(directory: string, name: string, minutes: number, pid = NOBODY): string {
  const file = `${name.padStart(16, '0')}.${pid}.log`
  const time = Date.now() / 1000 - minutes * 60
  writeFileSync(join(directory, file), 'log')
  utimesSync(join(directory, file), time, time)
  return file
}

test('logs of the dead: the newest are kept, and none of a mount that lives', (t) => {
  const path = folder(t)
  const kept = [...Array(KEPT_LOGS).keys()].map((n) => oldLog(path, `a${n}`, 10 + n))
  const lost = [...Array(5).keys()].map((n) => oldLog(path, `b${n}`, 100 + n))
  const living = oldLog(path, 'c0', 60 * 24 * 100, process.pid)
  const far = oldLog(path, 'd0', 60 * 24 * 100)
  // Of a mount whose process this pid namespace does not show.
  const state = JSON.stringify({
    ...{ pid: NOBODY, startTime: '1', pidNamespace: 'pid:[1]', device: '0:1', mountpoint: '/m', since: '2026' },
    ...{ options: [], config: { lowers: ['/a'] } },
  })
  writeFileSync(join(path, far.replace(/log$/, 'json')), state)
  sweepDead(path)
  const left = readdirSync(path).filter((file) => file.endsWith('.log'))
  assert.deepEqual(left.sort(), [...kept, living, far].sort())
  assert.ok(lost.every((file) => !existsSync(join(path, file))))
})

test('logs of the dead: none is kept for ever, and what was begun just now is left', (t) => {
  const path = folder(t)
  oldLog(path, 'a', 60 * 24 * 15)
  oldLog(path, 'b', 60 * 24 * 15)
  const young = oldLog(path, 'c', 0)
  // A long log's first part goes with it.
  writeFileSync(join(path, `${'a'.padStart(16, '0')}.${NOBODY}.log.1`), '')
  utimesSync(join(path, `${'a'.padStart(16, '0')}.${NOBODY}.log.1`), 1, 1)
  writeFileSync(join(path, 'notes.log'), 'not ours')
  sweepDead(path)
  assert.deepEqual(readdirSync(path).sort(), [young, 'notes.log'].sort())
})

test('a log with a limit is begun anew, and the part before it is kept', (t) => {
  const file = join(folder(t), 'log')
  const logger = createLogger({ file, limit: 1000 }, 'info')
  for (let n = 0; n < 40; n++) logger.log('info', `number ${n}`)
  logger.close()
  const [before, now] = [`${file}.1`, file].map((path) => readFileSync(path, 'utf8'))
  assert.ok(before!.length + now!.length < 3000)
  assert.match(now!, /number 39"/)
  assert.match(before!, /number \d+"/)
})

test('a record as the journal has it: priority, words, and each fact as a field', () => {
  const record = { level: 'warn', time: '2026-01-02T03:04:05.678Z', pid: 7, msg: 'no good', copyUps: 3, why: 'a\nb' }
  const entry = journalEntry(JSON.stringify(record), { SYSLOG_IDENTIFIER: 'stratafs' }).toString('latin1')
  assert.equal(
    entry,
    'MESSAGE=no good copyUps=3 why="a\\nb"\nPRIORITY=4\nSYSLOG_IDENTIFIER=stratafs\nSTRATAFS_EVENT=no good\n' +
      'STRATAFS_COPY_UPS=3\nSTRATAFS_WHY\n\x03\0\0\0\0\0\0\0a\nb\n',
  )
})

/** Binds systemd's address in this namespace, runs the command, and prints what came, a line of JSON each. */
const JOURNAL = `
import json, os, socket, subprocess, sys
os.makedirs('/run/systemd/journal', exist_ok=True)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('/run/systemd/journal/socket')
s.settimeout(10)
merged = sys.argv[-1]
subprocess.run(sys.argv[1:], check=True)
subprocess.run(['umount', merged], check=True)
while True:
  entry = s.recv(65536).decode()
  print(json.dumps(entry))
  if 'unmounted' in entry: break
`

const skipJournal = needsRoot.skip || notInstalled('python3') || false

test('log=journal: a mount logs to the journal, and leaves no file', { skip: skipJournal }, (t) => {
  const w = workspace(t)
  const inside = ['unshare', '-m', 'sh', '-ec', 'mount -t tmpfs none /run; exec "$@"', 'sh', 'python3', '-c', JOURNAL]
  const words = [...inside, LAUNCH, '-o', `${w.options},log=journal`, w.merged]
  const { status, stdout, stderr } = spawnSync(words[0]!, words.slice(1), {
    encoding: 'utf8',
    env: w.env,
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  const entries = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string)
  for (const entry of entries)
    assert.match(entry, new RegExp(`^PRIORITY=6\nSYSLOG_IDENTIFIER=stratafs\nSTRATAFS_MOUNTPOINT=${w.merged}$`, 'm'))
  assert.match(entries[0]!, /^MESSAGE=mounted .*^STRATAFS_LAYERS=2$/ms)
  assert.deepEqual(readdirSync(w.runDirectory), [])
})

test('log=journal where there is no journal is refused', needsRoot, (t) => {
  const w = workspace(t)
  const hide = ['unshare', '-m', 'sh', '-ec', 'mount -t tmpfs none /run; exec "$@"', 'sh']
  const words = [...hide, LAUNCH, '-o', `${w.options},log=journal`, w.merged]
  const { status, stderr } = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', env: w.env, timeout: 60_000 })
  assert.deepEqual(
    [status, stderr],
    [1, 'stratafs: option log=journal: there is no /run/systemd/journal/socket: is systemd-journald running?\n'],
  )
})
