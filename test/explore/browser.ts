/**
 * A headless Chromium for the page's tests, with an explorer's page in it: every message of its console, every fault,
 * and every request to another host is kept, for there must be none.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { MAIN } from '../daemon/harness.js'

const PROGRAM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0,
)

/** Why there is no browser here; false where there is one. */
export const noBrowser = PROGRAM === undefined ? 'chromium is not installed' : false

export async function startBrowser(): Promise<Browser> {
  const { chromium } = await import('playwright-core')
  const path = spawnSync('sh', ['-c', `command -v ${PROGRAM}`], { encoding: 'utf8' }).stdout.trim()
  // As root, which tests may be, it has no sandbox.
  return chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

export interface Shown {
  readonly page: Page
  readonly context: BrowserContext
  /** Without the token. */
  readonly origin: string
  /** What must not be. */
  readonly faults: string[]
  /** The explorer; Ctrl-C has to end it with 0. */
  end(): Promise<void>
}

/** Runs `stratafs explore WORDS` and opens its page in a context of its own. */
export async function show(
  browser: Browser,
  words: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  patience = 60_000,
): Promise<Shown> {
  const explorer = spawn(process.execPath, [MAIN, 'explore', ...words, '--no-open'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await addressOf(explorer)
  const context = await browser.newContext({ viewport: { width: 1200, height: 760 } })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`))
  context.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (hostname !== '127.0.0.1' && protocol !== 'data:') faults.push(`request: ${request.url()}`)
  })
  await page.goto(url)
  await page.getByRole('status').getByText('wasted').waitFor({ timeout: patience })
  return { page, context, origin: new URL(url).origin, faults, end: () => endOf(explorer, context) }
}

function addressOf(explorer: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    explorer.stdout!.on('data', (piece: Buffer) => {
      text += piece
      const url = /http:\/\/\S+/.exec(text)
      if (url !== null) resolve(url[0])
    })
    explorer.once('exit', (code) => reject(new Error(`stratafs explore ended with ${code}: ${text}`)))
  })
}

async function endOf(explorer: ChildProcess, context: BrowserContext): Promise<void> {
  await context.close()
  const ended = new Promise((resolve) => explorer.once('exit', resolve))
  explorer.kill('SIGINT')
  assert.equal(await ended, 0, 'Ctrl-C ends it')
}

/** Waits until a text is there: rows stand empty in the page until theirs have come. Fails after five seconds. */
export async function shows(locator: Locator, pattern: RegExp): Promise<void> {
  const end = performance.now() + 5_000
  let text = await locator.innerText()
  while (!pattern.test(text) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    text = await locator.innerText()
  }
  assert.match(text, pattern)
}
