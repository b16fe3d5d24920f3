/**
 * The explorer's page in a headless Chromium, as a person uses it. `npm run test:explore` does it in every width and
 * view; the suite does the short form.
 */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { checkoutRoot } from '../../scripts/checkout.js'
import { needsRoot, workspace } from '../daemon/harness.js'
import { noBrowser, type Shown, show, shows, startBrowser } from './browser.js'
import { makeLayout } from './images.js'

const isWhole = process.env.STRATAFS_EXPLORE_TESTS === 'all'
const isBuilt = existsSync(join(checkoutRoot(), 'dist/src/explore/page/page.js'))
const skip = noBrowser || (isBuilt ? false : 'the page is not built: npm run build:ts')

let folder = ''
let browser: Browser
let shown: Shown
before(async () => {
  if (skip) return
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-page-'))
  browser = await startBrowser()
  shown = await show(browser, [`${makeLayout(join(folder, 'layout'))}:app`])
})
after(async () => {
  if (skip) return
  await shown.end()
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
  assert.deepEqual(shown.faults, [], 'no fault, no message, and no request off the machine')
})

/** Goes to a view, as a link does. */
async function at(page: Page, route: string): Promise<void> {
  await page.goto(`${page.url().replace(/#.*/s, '')}#${route}`)
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What axe-core complains of. */
async function violations(page: Page): Promise<string[]> {
  // The page's policy lets no script in: axe is given to the page by the browser itself.
  const found = await page.evaluate(`${readFileSync(axe, 'utf8')}; axe.run(document, { resultTypes: ['violations'] })`)
  const { violations: list } = found as { violations: { id: string; nodes: { html: string }[] }[] }
  return list.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)
}

test('the largest waste of an image is found and followed to its layers', { skip }, async () => {
  const { page } = shown
  await page.getByRole('link', { name: 'Waste' }).click()
  const first = page.getByRole('grid', { name: 'Wasted bytes by path' }).getByRole('row').first()
  await shows(first, /300 kB\s+\/opt\/big\.bin/)
  await shows(page.locator('.cards').first(), /layer 3\/3 350 kB/)
  await first.getByRole('link').click()
  const pane = page.getByRole('complementary')
  await pane.getByText('deleted by layer 3/3').waitFor()
  await shows(pane, /layer 2\/3.*RUN make install/s)
})

test('a file is followed down its layers, its versions side by side', { skip }, async () => {
  const { page } = shown
  await at(page, 'tree?path=/etc')
  await page.getByRole('button', { name: 'conf' }).click()
  const pane = page.getByRole('complementary')
  await pane.getByText('replaced by layer 2/3').waitFor()
  await pane.locator('del').getByText('two').waitFor()
  assert.deepEqual(await pane.locator('ins').allInnerTexts(), ['two and a half', 'four'])
  await at(page, 'tree?path=/bin&file=/bin/tool')
  await pane.getByText('the same content').waitFor()
})

test('ghosts say what hides them; a layer alone shows what it has', { skip }, async () => {
  const { page } = shown
  await at(page, 'tree?path=/')
  const tree = page.getByRole('treegrid')
  await tree.getByRole('row', { name: 'etc/' }).waitFor()
  await at(page, 'tree?path=/etc')
  await shows(tree.getByRole('row', { name: 'motd' }), /deleted by layer 3\/3/)
  await page.getByRole('link', { name: /^layer 1\/3/ }).click()
  await tree.getByRole('row', { name: 'motd' }).getByText('deleted').waitFor({ state: 'detached' })
  await page.getByRole('checkbox', { name: 'this layer only' }).check()
  await page.waitForURL(/layer=0&only=1/)
})

test('search by name, owner, time, layer, bits and attributes', { skip }, async () => {
  const { page } = shown
  const found = page.getByRole('grid', { name: 'Found' })
  const fills: readonly (readonly [label: string, value: string, path: string])[] = [
    ['Name, with * and ?', 'cop*', '/opt/copy-b'],
    ['User id', '0', '/etc/conf'],
    ['Group id', '0', '/etc/conf'],
    ['Modified before', '1971-01-01', '/etc/conf'],
    ['At least, in bytes', '9000', '/opt/copy-a'],
  ]
  for (const [label, value, path] of fills) {
    await at(page, 'search')
    await page.getByLabel(label).fill(value)
    await found.getByText(path, { exact: true }).waitFor()
  }
  await at(page, 'search')
  await page.getByLabel('In layer').selectOption('layer 3/3')
  await found.getByText('/plain/inside').waitFor()
  await page.getByLabel('Modified after').fill('2100-01-01')
  await found.getByText('/plain/inside').waitFor({ state: 'detached' })
  for (const [label, path] of [
    ['setuid or setgid', '/bin/tool'],
    ['with extended attributes', '/opt/capable'],
  ] as const) {
    await at(page, 'search')
    await page.getByLabel(label).check()
    await found.getByText(path).waitFor()
  }
})

test('the map takes the layers apart, and shows one alone', { skip }, async () => {
  const { page } = shown
  await at(page, 'map')
  await page.getByLabel('each layer apart').check()
  const map = page.getByRole('region', { name: 'Sizes' })
  await map.getByRole('link', { name: /^layer 2\/3/ }).click()
  await page.waitForURL(/map\?in=1/)
  await map.getByRole('link', { name: /^bin/ }).waitFor()
  await page.getByRole('link', { name: 'only layer 2/3: all' }).click()
  await map.getByRole('link', { name: /^layer 2\/3/ }).waitFor()
})

test('a link is copied, and shows the same when it is opened', { skip }, async () => {
  const { page, context } = shown
  await at(page, 'search?setuid=1')
  await page.getByRole('grid', { name: 'Found' }).getByText('/bin/tool').waitFor()
  await page.getByRole('button', { name: 'Copy link' }).click()
  const link = await page.locator('output.copied').first().innerText()
  assert.ok(!link.includes('token'))
  const other = await context.newPage()
  await other.goto(link)
  await other.getByRole('grid', { name: 'Found' }).getByText('/bin/tool').waitFor()
  await other.close()
  const stranger = await browser.newContext()
  const answer = await (await stranger.newPage()).goto(link)
  assert.equal(answer!.status(), 403)
  await stranger.close()
  for (const name of ['Copy as --json', 'Copy as SQL']) await page.getByRole('button', { name }).click()
  const texts = await page.locator('output.copied').allInnerTexts()
  assert.match(texts[1]!, /^stratafs explore \S+:app --json --view 'search\?setuid=1'$/)
  assert.match(texts[2]!, /^sqlite3 \S+index\.db 'SELECT /)
})

test('the keyboard alone is enough', { skip }, async () => {
  const { page } = shown
  await at(page, 'tree?path=/')
  const tree = page.getByRole('treegrid')
  await tree.getByRole('row', { name: 'etc/' }).waitFor()
  await page.keyboard.press('Tab')
  for (let step = 0; step < 40; step++) {
    if (await page.evaluate(`document.activeElement?.getAttribute('role') === 'treegrid'`)) break
    await page.keyboard.press('Tab')
  }
  for (const key of ['Home', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key)
  const active = async () => page.locator(`#${await tree.getAttribute('aria-activedescendant')}`).innerText()
  assert.match(await active(), /etc\//)
  await page.keyboard.press('ArrowRight')
  await tree.getByRole('row', { name: 'conf' }).waitFor()
  await page.keyboard.press('ArrowRight')
  assert.match(await active(), /conf/)
  await page.keyboard.press('Enter')
  await page.getByRole('complementary').getByText('replaced by layer 2/3').waitFor()
  await tree.focus()
  await page.keyboard.press('ArrowLeft')
  assert.match(await active(), /etc\//)
  await page.keyboard.press('ArrowLeft')
  await tree.getByRole('row', { name: 'conf' }).waitFor({ state: 'detached' })
})

const ROUTES = [
  'tree?path=/etc&file=/etc/conf',
  'map',
  'map?by=layer',
  'waste',
  'search?xattrs=1',
  'image',
  'tree?path=/opt&file=/opt/copy-a&layer=1',
]
const WIDTHS = isWhole ? [320, 600, 900, 1600] : [320, 1600]

for (const width of WIDTHS)
  test(`${width} pixels wide, light and dark, nothing is cut off, and axe finds nothing`, { skip }, async () => {
    const { page } = shown
    await page.setViewportSize({ width, height: 800 })
    for (const [turn, route] of (isWhole ? ROUTES : ROUTES.slice(0, 2)).entries()) {
      await page.emulateMedia({ colorScheme: (turn + (width === 320 ? 1 : 0)) % 2 === 0 ? 'light' : 'dark' })
      await at(page, route)
      await page.waitForTimeout(300)
      const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.ok((wide as number) <= 0, `${route}: ${wide} pixels too wide`)
      assert.deepEqual(await violations(page), [], route)
    }
    await page.setViewportSize({ width: 1200, height: 760 })
  })

test('scrolling goes where it is led, and stays there', { skip }, async () => {
  const { page } = shown
  await page.setViewportSize({ width: 1200, height: 300 })
  await at(page, 'tree?path=/')
  const tree = page.getByRole('treegrid')
  await tree.getByRole('row', { name: 'bin/' }).waitFor()
  await tree.hover()
  await page.mouse.wheel(0, 5_000)
  await page.waitForTimeout(300)
  await tree.getByRole('row', { name: 'var/' }).waitFor()
  const { top, most } = (await page.evaluate(
    `(({ scrollTop, scrollHeight, clientHeight }) => ({ top: scrollTop, most: scrollHeight - clientHeight }))
      (document.querySelector('[role=treegrid]'))`,
  )) as { top: number; most: number }
  assert.ok(most > 0 && Math.abs(top - most) < 2, `${top} of ${most}`)
  await page.setViewportSize({ width: 1200, height: 760 })
})

test('a live mount: a write appears within a second', { skip: skip || needsRoot.skip }, async (t) => {
  const w = workspace(t)
  assert.equal(w.run('mount', '-o', w.options, w.merged).status, 0)
  const live = await show(browser, [w.merged], w.env)
  t.after(() => live.end())
  const { page } = live
  await page.getByRole('link', { name: 'Live' }).click()
  await page.getByText('The upper holds').waitFor()
  const events = page.getByRole('list', { name: 'Changes of the upper' })
  // The browser itself may be held up on a busy machine: one of three is shown in time.
  const took: number[] = []
  for (const name of ['first', 'second', 'third']) {
    const begun = performance.now()
    writeFileSync(join(w.merged, name), `${name}\n`)
    await events.getByText(`/${name}`, { exact: true }).waitFor({ timeout: 10_000 })
    took.push(Math.round(performance.now() - begun))
  }
  t.diagnostic(`a write was shown after ${took.join(', ')} ms`)
  assert.ok(Math.min(...took) < 1_000, `${took.join(', ')} ms`)
  appendFileSync(join(w.merged, 'b'), 'more\n')
  await events.getByText('/b', { exact: true }).waitFor({ timeout: 10_000 })
  await shows(events.getByRole('listitem').first(), /changed\s+\/b/)
  await page.getByRole('table').getByRole('rowheader', { name: 'LOOKUP', exact: true }).waitFor()
  await at(page, 'tree?path=/&file=/b')
  await page.getByRole('complementary').getByText('replaced by upper').waitFor()
  // Every view follows the mount.
  writeFileSync(join(w.merged, 'fourth'), 'fourth\n')
  await page.getByRole('treegrid').getByRole('row', { name: 'fourth' }).waitFor({ timeout: 10_000 })
  assert.equal(w.run('snapshot', 'create', w.merged, 'before', '--message', 'as it was').status, 0)
  await page.getByRole('link', { name: 'Live' }).click()
  const snapshot = page.getByRole('list', { name: 'Snapshots' }).getByRole('listitem').first()
  await shows(snapshot, /before.*as it was.*the present stands on it/s)
  await shows(page.locator('.live').getByRole('status'), /begin the explorer anew/)
  assert.deepEqual(live.faults, [])
})
