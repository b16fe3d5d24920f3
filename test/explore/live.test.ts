/**
 * How soon a change of a live mount is told, on a machine that is busy, and of an upper that is not small: well within
 * a second each time, however it was made.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { LiveNews } from '../../src/explore/views/types.js'
import { MAIN, needsRoot, workspace } from '../daemon/harness.js'

/** Files that lie in the upper already. */
const FILES = 20_000
/** Programs that do nothing but compute meanwhile. */
const BUSY = 4

function started(t: TestContext, words: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGINT'))
  return child
}

/** What the explorer of `merged` tells, as it comes. */
async function newsOf(t: TestContext, merged: string, env: NodeJS.ProcessEnv) {
  const explorer = started(t, [MAIN, 'explore', merged, '--no-open'], env)
  const url = /http:\/\/\S+/.exec(String((await once(explorer.stdout!, 'data'))[0]))![0]
  const [opened] = (await once(get(url), 'response')) as [IncomingMessage]
  const cookie = opened.headers['set-cookie']![0]!.split(';')[0]!
  const { origin } = new URL(url)
  const [live] = (await once(get(`${origin}/api/live`, { headers: { cookie } }), 'response')) as [IncomingMessage]
  const waiting = new Map<string, () => void>()
  const seen: LiveNews[] = []
  let text = ''
  live.setEncoding('utf8').on('data', (piece: string) => {
    const events = `${text}${piece}`.split('\n\n')
    text = events.pop()!
    for (const event of events.filter((each) => each.startsWith('data: '))) {
      const news = JSON.parse(event.slice('data: '.length)) as LiveNews
      seen.push(news)
      for (const { change, path } of news.changes) waiting.get(`${change} ${path}`)?.()
    }
  })
  const told = (what: string) => new Promise<void>((resolve) => waiting.set(what, resolve))
  return { seen, told }
}

test('a change is told at once: on a busy machine, in a large upper', { skip: needsRoot.skip }, async (t) => {
  const w = workspace(t)
  const many = join(w.upper, 'many')
  for (let at = 0; at < FILES; at++) {
    if (at % 100 === 0) mkdirSync(join(many, `d${at / 100}`), { recursive: true })
    writeFileSync(join(many, `d${Math.floor(at / 100)}/f${at % 100}`), '')
  }
  assert.equal(w.run('mount', '-o', w.options, w.merged).status, 0)
  const { seen, told } = await newsOf(t, w.merged, w.env)
  for (let at = 0; at < BUSY; at++) started(t, ['-e', 'for (;;);'], w.env)
  const inside = (path: string) => join(w.merged, path)
  const took: string[] = []
  const within = async (what: string, act: () => void) => {
    const begun = performance.now()
    const news = told(what)
    act()
    const late = setTimeout(5_000, 'late', { ref: false })
    assert.notEqual(await Promise.race([news, late]), 'late', what)
    const ms = Math.round(performance.now() - begun)
    took.push(`${what}: ${ms} ms`)
    assert.ok(ms < 1_000, took.join(', '))
    // At no fixed distance from the looks that come by themselves.
    await setTimeout(130)
  }
  // The first look has been, and the directories are known.
  for (const deadline = performance.now() + 20_000; performance.now() < deadline; await setTimeout(50))
    if (seen.some(({ upper }) => upper.entries > FILES) && seen.length > 3) break
  await within('C /b', () => appendFileSync(inside('b'), 'more\n'))
  await within('C /many/d7/f7', () => appendFileSync(inside('many/d7/f7'), 'more\n'))
  await within('A /new', () => writeFileSync(inside('new'), 'new\n'))
  await within('A /many/d8/x/y/z', () => {
    mkdirSync(inside('many/d8/x/y'), { recursive: true })
    writeFileSync(inside('many/d8/x/y/z'), 'deep\n')
  })
  await within('A /moved/f1', () => renameSync(inside('many/d9'), inside('moved')))
  await within('C /moved/f2', () => appendFileSync(inside('moved/f2'), 'more\n'))
  rmSync(inside('many/d10'), { recursive: true })
  mkdirSync(inside('many/d10'))
  await setTimeout(300)
  await within('A /many/d10/again', () => writeFileSync(inside('many/d10/again'), 'again\n'))
  await within('D /b', () => rmSync(inside('b')))
  await within('D /moved', () => rmSync(inside('moved'), { recursive: true }))
  t.diagnostic(took.join(', '))
  const { upper } = seen.at(-1)!
  const counted = spawnSync('sh', ['-c', 'find "$0" -mindepth 1 | wc -l', w.upper], { encoding: 'utf8' })
  assert.equal(upper.entries, Number(counted.stdout))
})
