/**
 * A mount in use, read by `diff` and `commit`: what is told of it, and that a layer is the tree of one moment. The
 * mount is held still for as long as a layer is written and no longer, whatever becomes of who writes it.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { eventually, MAIN, needsRoot, type Workspace, workspace } from '../daemon/harness.js'

/** A mount of both layers of a workspace, which goes with it. */
function mounted(t: TestContext, ...options: string[]): Workspace {
  const w = workspace(t)
  const { top, base, upper, work, merged } = w
  const done = w.run('mount', '--lower', top, '--lower', base, '--upper', upper, '--work', work, ...options, merged)
  assert.equal(done.status, 0, done.stderr)
  return w
}

function shell(cwd: string, script: string): string {
  return execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8' })
}

/** `letter path` of each change, and what is said in brackets. */
function told(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [letter, kind] = line.split(/\s+/)
      return `${letter} ${kind} ${line.slice(line.indexOf(' /') + 1)}`
    })
}

describe('diff of a mount', needsRoot, () => {
  it('tells what was added, changed and deleted, with and without the mount', (t) => {
    const w = workspace(t)
    shell(
      w.base,
      'mkdir -p dir/sub gone rep same moved/in; echo x > dir/f; echo x > dir/sub/g; echo x > gone/x; echo x > rep/x; echo x > same/x; echo x > moved/in/x; ln b hard; mkdir was-dir; echo x > was-file',
    )
    const layers = ['--upper', w.upper, '--lower', w.top, '--lower', w.base]
    assert.equal(w.run('mount', ...layers, '--work', w.work, '-o', 'metacopy=on', w.merged).status, 0)
    assert.equal(w.run('diff', w.merged).stdout, '')
    assert.equal(w.run('diff', '--exit-code', w.merged).status, 0)
    shell(
      w.merged,
      'echo y >> dir/f; rm -r gone; rm -r rep; mkdir rep; echo y > rep/y; mv moved other; echo y > other/in/new; chmod 700 was-file; rmdir was-dir; echo y > was-dir; echo y >> b; rm a; echo y > new; ln new new2; touch same/t; rm same/t',
    )
    const expected = [
      'D file /a',
      'C file /b',
      'C directory /dir',
      'C file /dir/f',
      'D directory /gone',
      'C file /hard  (same file as /b)',
      'D directory /moved',
      'A file /new',
      'A file /new2  (same file as /new)',
      'A directory /other  (from /moved)',
      'C directory /other/in',
      'A file /other/in/new',
      'C directory /rep  (replaces what was below)',
      'D file /rep/x',
      'A file /rep/y',
      // A file came and went in it, so its time is another.
      'C directory /same',
      'C file /was-dir  (was a directory)',
      'C file /was-file  (attributes only)',
    ]
    const live = w.run('diff', w.merged)
    assert.deepEqual(told(live.stdout), expected, live.stderr)
    assert.equal(w.run('diff', '--exit-code', w.merged).status, 1)
    const [first] = JSON.parse(w.run('diff', '--json', w.merged).stdout).changes
    const layer = { position: 0, role: 'lower', name: 'top', path: w.top }
    const gone = { kind: 'file', size: 6, layer }
    assert.deepEqual(first, { change: 'D', path: '/a', ...gone, before: gone })
    w.run('unmount', w.merged)
    assert.deepEqual(told(w.run('diff', ...layers, '--work', w.work).stdout), expected)
  })
  it('says what it needs', (t) => {
    const w = workspace(t)
    assert.match(w.run('diff').stderr, /name a mount, or an upper directory/)
    assert.match(w.run('diff', '--upper', w.upper).stderr, /--lower/)
    assert.match(w.run('diff', w.upper).stderr, /is not a stratafs mount/)
  })
})

/** Two files, the second always written after the first; until the standard input ends. */
const WRITER = `
  const fs = require('fs'), at = process.argv[1]
  process.stdin.on('end', () => process.exit(0)).resume()
  let n = 0
  setInterval(() => { for (let i = 0; i < 20; i++) { n++
    for (const name of ['first', 'second']) fs.writeFileSync(at + '/' + name, String(n).padStart(9, '0'), { flag: fs.existsSync(at + '/' + name) ? 'r+' : 'w' })
    fs.writeFileSync(at + '/made-' + n, ''); if (n > 5) fs.unlinkSync(at + '/made-' + (n - 5)) } }, 1)
`

describe('commit of a mount in use', needsRoot, () => {
  // A write that had been opened before passes the held engine by where data is passed through: it is told then, and
  // who wants the layer comes again. In the cached mode no write does.
  for (const { data, mayRefuse } of [
    { data: 'auto', mayRefuse: 4 },
    { data: 'cached', mayRefuse: 0 },
  ])
    it(`is the tree of one moment (data=${data})`, async (t) => {
      const w = mounted(t, '-o', `data=${data}`)
      mkdirSync(join(w.merged, 'many'))
      for (let i = 0; i < 300; i++) writeFileSync(join(w.merged, 'many', String(i)), 'x'.repeat(20_000))
      const writer = spawn(process.execPath, ['-e', WRITER, w.merged], { stdio: ['pipe', 'inherit', 'inherit'] })
      // From then on there are always some of each.
      const begun = () =>
        existsSync(join(w.upper, 'second')) && Number(readFileSync(join(w.upper, 'second'), 'utf8')) > 9
      try {
        assert.ok(await eventually(begun, 20_000))
        for (let round = 0, refused = 0; round < 4; round++) {
          const done = w.run('commit', w.merged, '--output', join(w.root, 'layer.tar'))
          if (done.status === 1 && /was written to while it was read/.test(done.stderr) && refused++ < mayRefuse) {
            round--
            continue
          }
          assert.equal(done.status, 0, done.stderr)
          const out = join(w.root, `out${round}`)
          shell(w.root, `mkdir ${out}; tar -C ${out} -xf layer.tar`)
          if (!existsSync(join(out, 'second'))) continue
          const numberIn = (name: string) => Number(readFileSync(join(out, name), 'utf8'))
          const first = numberIn('first')
          const second = numberIn('second')
          const made = readdirSync(out).filter((name) => name.startsWith('made-'))
          const last = Math.max(...made.map((name) => Number(name.slice(5))))
          assert.ok(first - second <= 1 && first >= second, `${first} and ${second} were not there at once`)
          assert.ok(second - last <= 1 && last <= second, `made-${last} was not there beside ${second}`)
          assert.ok(made.length >= 4 && made.length <= 6, `${made} were not there at once`)
        }
      } finally {
        writer.stdin.end()
        await once(writer, 'exit')
      }
      assert.equal(w.run('diff', w.merged).status, 0)
    })
  it('lets go when who holds it is killed, and tells nobody else that it may hold meanwhile', async (t) => {
    const w = mounted(t)
    writeFileSync(join(w.merged, 'large'), Buffer.alloc(32 << 20))
    // Nobody reads what it writes, so it stands still with the mount held.
    const held = spawn(process.execPath, [MAIN, 'commit', w.merged, '--output', '-'], {
      env: w.env,
      cwd: w.root,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    held.stdout.pause()
    const answers = () => spawnSync('timeout', ['1', 'touch', join(w.merged, 'probe')]).status === 0
    for (let tries = 0; tries < 40 && answers(); tries++) await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(answers(), false, 'the mount was not held')
    const second = w.run('commit', w.merged, '--output', join(w.root, 'second.tar'))
    assert.match(second.stderr, /cannot be held still/)
    held.kill('SIGKILL')
    await once(held, 'exit')
    assert.equal(spawnSync('timeout', ['10', 'touch', join(w.merged, 'after')]).status, 0)
    assert.deepEqual(
      readdirSync(w.root).filter((name) => name.includes('second.tar')),
      [],
    )
  })
  it('refuses to write into the mount it holds, and leaves nothing of what fails', (t) => {
    const w = mounted(t)
    const inside = w.run('commit', w.merged, '--output', join(w.merged, 'layer.tar'))
    assert.match(inside.stderr, /lies in the mount itself/)
    assert.equal(inside.status, 1)
    const nowhere = w.run('commit', w.merged, '--output', join(w.root, 'none/layer.tar'))
    assert.match(nowhere.stderr, /cannot be made: no such file or directory/)
    assert.match(w.run('commit', w.merged).stderr, /say where the layer goes/)
    assert.match(w.run('commit', w.merged, '--output', w.root).stderr, /is a directory/)
    const full = spawnSync(
      'sh',
      ['-c', `"${process.execPath}" "${MAIN}" commit "${w.merged}" --output - > /dev/full`],
      {
        env: w.env,
        encoding: 'utf8',
      },
    )
    assert.match(full.stderr, /no space left on device/)
    assert.equal(full.status, 1)
    assert.deepEqual(readdirSync(w.merged).sort(), ['a', 'b'])
  })
  it('is the same to the byte with --timestamp, and tells sockets', (t) => {
    const w = mounted(t)
    shell(w.merged, 'mkdir d; echo x > d/x; echo y > b')
    execFileSync('python3', ['-c', 'import socket; socket.socket(socket.AF_UNIX).bind("s")'], { cwd: w.merged })
    const make = (name: string) => {
      const done = w.run('commit', w.merged, '--output', join(w.root, name), '--timestamp', '1700000000', '--json')
      assert.match(done.stderr, /s is a socket/)
      return JSON.parse(done.stdout)
    }
    const one = make('one.tar.gz')
    shell(w.merged, 'touch d/x d b')
    const two = make('two.tar.gz')
    assert.equal(one.digest, two.digest)
    assert.deepEqual(readFileSync(join(w.root, 'one.tar.gz')), readFileSync(join(w.root, 'two.tar.gz')))
    const dry = JSON.parse(w.run('commit', w.merged, '--dry-run', '--json').stdout)
    assert.deepEqual(
      dry.directories.map(({ path, bytes }: { path: string; bytes: number }) => [path, bytes]),
      [
        ['/', 4],
        ['/d', 2],
      ],
    )
  })
})
