/**
 * sd_notify, heard by a datagram socket in the place of systemd's: a mount in the foreground says when it is up and
 * when it goes, a mount in the background says nothing, because the address it finds is that of whoever called it.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { eventually, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

/** Prints `bound`, then each datagram as one line of JSON. */
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1) if sys.argv[1].startswith('@') else sys.argv[1])
print('bound', flush=True)
while True: print(json.dumps(s.recv(4096).decode()), flush=True)
`

interface Listener {
  readonly address: string
  /** What was heard, a datagram each. */
  readonly heard: string[]
}

function child(t: TestContext, program: string, args: string[], env = process.env): ChildProcess {
  const started = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => started.kill('SIGKILL'))
  return started
}

async function listen(t: TestContext, address: string): Promise<Listener> {
  const lines: string[] = []
  const { stdout } = child(t, 'python3', ['-c', LISTENER, address])
  createInterface({ input: stdout! }).on('line', (line) => lines.push(line))
  assert.ok(await eventually(() => lines.length > 0, 10_000), 'the listener is up')
  const heard: string[] = []
  lines.push = (line) => heard.push(JSON.parse(line) as string)
  return { address, heard }
}

const notified = (w: Workspace, { address }: Listener): NodeJS.ProcessEnv => ({ ...w.env, NOTIFY_SOCKET: address })

for (const kind of ['a path', 'an abstract address']) {
  test(`a mount in the foreground tells ${kind} when it is up and when it goes`, needsRoot, async (t) => {
    const w = workspace(t)
    const listener = await listen(t, kind === 'a path' ? `${w.root}/notify` : `@stratafs-test-${process.pid}`)
    const daemon = child(t, process.execPath, [MAIN, '-f', '-o', w.options, w.merged], notified(w, listener))
    assert.ok(await eventually(() => listener.heard.length > 0, 10_000), 'it says something')
    assert.deepEqual(listener.heard, [`READY=1\nSTATUS=serving ${w.merged}`])
    assert.ok(w.isMounted())
    daemon.kill('SIGTERM')
    assert.ok(await eventually(() => listener.heard.length > 1, 5_000), 'it says that it goes')
    assert.match(listener.heard[1]!, /^STOPPING=1\n/)
    assert.ok(await eventually(() => !w.isMounted(), 5_000), 'it goes')
  })
}

test('a mount in the background does not answer for whoever called it', needsRoot, async (t) => {
  const w = workspace(t)
  const listener = await listen(t, `${w.root}/notify`)
  const call = child(t, process.execPath, [MAIN, '-o', w.options, w.merged], notified(w, listener))
  assert.ok(await eventually(() => call.exitCode === 0, 10_000), 'it is mounted')
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.deepEqual(listener.heard, [])
})

test('a service manager that is not there does not keep the mount from serving', needsRoot, async (t) => {
  const w = workspace(t)
  child(t, process.execPath, [MAIN, '-f', '-o', w.options, w.merged], { ...w.env, NOTIFY_SOCKET: `${w.root}/nobody` })
  assert.ok(await eventually(w.isMounted, 10_000))
  assert.equal(w.run('inspect', w.merged).status, 0)
})
