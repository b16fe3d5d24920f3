/**
 * The daemon's pure parts: the mount table's lines, the control socket's lines, the inspect document, fusermount3's
 * words, and how a log record reads on a terminal.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { StratafsError } from '../../src/base/failure.js'
import { readableLine } from '../../src/base/log.js'
import { lineReader, MAX_LINE, parseRequest } from '../../src/daemon/control/control-protocol.js'
import { inspectDocument } from '../../src/daemon/control/inspect-document.js'
import { HostLine } from '../../src/daemon/host/host-line.js'
import { programOptions } from '../../src/daemon/mount/mounter.js'
import { mountedOn, mountHolding, parseMounts } from '../../src/daemon/mount/mountinfo.js'
import type { MountState } from '../../src/daemon/mount/run-directory.js'
import { parseOptions } from '../../src/daemon/options/parse.js'

const TABLE = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:39 / /m\\040x rw,relatime - fuse.stratafs strata\\134fs rw,user_id=0
41 22 0:40 / /m\\040x rw shared:5 master:2 - fuse.stratafs stratafs rw
42 22 0:40 /sub /bound rw - fuse.stratafs stratafs rw
`

test('the mount table: escapes, optional fields, the topmost of a stack', () => {
  const mounts = parseMounts(TABLE)
  assert.equal(mounts.length, 4)
  assert.equal(mounts[1]?.source, 'strata\\fs')
  assert.equal(mountedOn('/m x', mounts)?.device, '0:40')
  assert.equal(mountedOn('/m', mounts), undefined)
  assert.equal(mountHolding('/m x/a/b', mounts)?.id, 41)
  assert.equal(mountHolding('/m xy', mounts)?.id, 22)
  assert.equal(mountHolding('/', mounts)?.id, 22)
  assert.equal(mountHolding('/bound/c', mounts)?.root, '/sub')
})

const requests: [line: string, expected: unknown][] = [
  ['{"command":"inspect"}', { command: 'inspect' }],
  ['{"command":"stats","more":1}', { command: 'stats' }],
  ['{"command":"which","path":"a/b"}', { command: 'which', path: 'a/b' }],
  ['{"command":"level","level":"debug"}', { command: 'level', level: 'debug' }],
  ['{"command":"which"}', null],
  ['{"command":"rm"}', null],
  ['[]', null],
  ['null', null],
  ['nonsense', null],
]
for (const [line, expected] of requests) {
  test(`control request ${line}`, () => assert.deepEqual(parseRequest(line), expected))
}

test('lines come whole however they are cut; one without an end is too long some time', () => {
  const lines: string[] = []
  const read = lineReader((line) => lines.push(line))
  for (const chunk of ['a', 'b\nc', '\n', '\nd']) assert.equal(read(chunk), true)
  assert.deepEqual(lines, ['ab', 'c', ''])
  assert.equal(read('x'.repeat(MAX_LINE)), false)
})

function state(options: string): MountState {
  const parsed = parseOptions([options], { strict: false, cwd: '/' })
  assert.ok(!(parsed instanceof StratafsError))
  const { config, options: words } = parsed
  const process = { pid: 7, startTime: '1', pidNamespace: 'pid:[1]' }
  return { ...process, device: '0:1', mountpoint: '/m', options: words, config, log: null, since: '' }
}

const ENGINE = {
  ...({ marks: 'm', whiteouts: 'w', redirectDir: 'on', metacopy: false, hardLinkIndex: true, readonly: true } as const),
  ...({ privateLayers: true, protocol: '7.38', limit: null, ownerIndex: null, downgrades: [] } as const),
  data: { mode: 'cached', why: 'x', writeback: false, opens: 'answered' },
} as const

test("inspect has Docker's shape; a colon in a path is escaped as it was given", () => {
  const document = inspectDocument(state('lowerdir=/a\\:b:/c\xc3\xa9,upperdir=/u,workdir=/w'), {
    ...ENGINE,
    downgrades: ['x'],
  })
  assert.deepEqual(document.GraphDriver.Data, {
    LowerDir: '/a\\:b:/cé',
    MergedDir: '/m',
    UpperDir: '/u',
    WorkDir: '/w',
  })
  assert.deepEqual(document.Downgrades, ['x'])
  assert.deepEqual(Object.keys(document.Engine ?? {}).includes('Downgrades'), false)
  assert.equal(document.Engine?.Marks, ENGINE.marks)
  assert.equal(document.Index, null)
  const readonly = inspectDocument(state('lowerdir=/a'), null)
  assert.deepEqual(readonly.GraphDriver.Data, { LowerDir: '/a', MergedDir: '/m' })
  assert.equal(readonly.Mode, 'ro')
  assert.equal(readonly.Engine, null)
})

test('inspect names the owner index once: what the engine counted of it is in it', () => {
  const index = {
    ...({ path: '/w/index.db', state: 'ready', complete: true, from: 'kept', downgrade: null, filling: null } as const),
    ...{ failed: 0, coverage: null, upperRead: true, immutable: false },
  }
  const facts = { ...ENGINE, ownerIndex: { loads: 3 } }
  const document = inspectDocument(state('lowerdir=/a'), facts, index)
  assert.deepEqual(document.Index, {
    ...({ Path: '/w/index.db', State: 'ready', Complete: true, From: 'kept', Downgrade: null, Filling: null } as const),
    ...{ Failed: 0, Coverage: null, UpperRead: true, Immutable: false, Counters: { loads: 3 } },
  })
  assert.ok(document.Engine !== null && !('OwnerIndex' in document.Engine))
  assert.equal(inspectDocument(state('lowerdir=/a'), null, index).Index?.Counters, null)
})

test("fusermount3's words", () => {
  const words = (text: string) => {
    const parsed = parseOptions([text], { strict: false, cwd: '/' })
    return parsed instanceof StratafsError ? assert.fail(parsed.message) : programOptions(parsed.settings)
  }
  const plain = 'fsname=a\\,b,default_permissions,subtype=stratafs'
  assert.equal(words('lowerdir=/a,fsname=a\\,b,allow_other,nosuid'), `${plain},allow_other,ro,nosuid`)
  assert.equal(words('lowerdir=/a,fsname=a\\,b,allow_root'), `${plain},ro`)
})

test('a record for a reader', () => {
  const record = { level: 'warn', time: '2026-01-02T03:04:05.678Z', pid: 1, path: '/a b', errno: 5, msg: 'what' }
  assert.equal(readableLine(JSON.stringify(record)), '03:04:05.678 warn  what path="/a b" errno=5\n')
})

/** What a host hears of `bytes`, cut into pieces of `length`. */
async function heard(bytes: string, length: number, wanted: number): Promise<unknown[]> {
  const stream = new PassThrough()
  const line = new HostLine(stream as unknown as Socket)
  for (let at = 0; at < bytes.length; at += length) stream.write(bytes.slice(at, at + length))
  const requests: unknown[] = []
  for (let i = 0; i < wanted; i++) requests.push(await line.request(50))
  stream.destroy()
  return requests
}

const CALL = { cwd: '/', name: 'stratafs', args: ['mount', '/m'] }
const LINE: readonly (readonly [text: string, ...requests: unknown[]])[] = [
  ['status\0', { kind: 'status' }],
  ['channel\0t\0', { kind: 'channel', token: 't' }],
  ['upgrade\x003\x002\0node\0main\0', { kind: 'upgrade', format: 3, command: ['node', 'main'] }],
  ['mount\0/c\0stratafs\x002\0mount\0/m\0undo\0', { kind: 'mount', call: { ...CALL, cwd: '/c' } }, null],
  [
    'take\0t\0stratafs\x002\0mount\0/m\0take\0t\0stratafs\x002\0mount\0/n\0defer\0/\0stratafs\x002\0mount\0/m\0',
    { kind: 'take', token: 't', call: CALL },
    { kind: 'take', token: 't', call: { ...CALL, args: ['mount', '/n'] } },
    { kind: 'defer', call: CALL },
  ],
  ['mount\0/c\0stratafs\0x\0mount\0/m\0', null],
  ['mount\0/c\0stratafs\0-4\0mount\0/m\0', null],
  ['mount\0/c\0stratafs\x009\0mount\0/m\0', null],
]
for (const [text, ...wanted] of LINE)
  test(`a call to the host, whole and in pieces: ${JSON.stringify(text)}`, async () => {
    for (const length of [text.length, 1, 7]) assert.deepEqual(await heard(text, length, wanted.length), wanted)
  })
