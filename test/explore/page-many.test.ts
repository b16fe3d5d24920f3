/** The page with a directory of a million names: `npm run test:explore` alone does it, for it takes a minute. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { createGzip } from 'node:zlib'
import { directory, header } from '../oci/archive.js'
import { noBrowser, show, startBrowser } from './browser.js'

const isWhole = process.env.STRATAFS_EXPLORE_TESTS === 'all'

const MANY = 1_000_000

test('a million names: the last one is shown, and keys are answered at once', {
  skip: noBrowser || (isWhole ? false : 'only in npm run test:explore'),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-many-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'many.tar.gz')
  const browser = await startBrowser()
  t.after(() => browser.close())
  await makeMany(path, MANY)
  const many = await show(browser, [path], process.env, 600_000)
  t.after(() => many.end())
  const { page } = many
  await page.goto(`${page.url().replace(/#.*/s, '')}#tree?path=/many`)
  const tree = page.getByRole('treegrid')
  await tree.getByRole('row', { name: 'f0000000' }).waitFor()
  await tree.focus()
  const begun = performance.now()
  await page.keyboard.press('End')
  await tree.getByRole('row', { name: 'f0999999' }).waitFor()
  const took = performance.now() - begun
  assert.ok(took < 1_000 || isLoaded(), `${Math.round(took)} ms to the end`)
  const frames = (await page.evaluate(`new Promise((resolve) => {
    const box = document.querySelector('[role=treegrid]'), frames = []
    let last = performance.now(), left = 60
    const step = (now) => {
      frames.push(Math.round(now - last))
      last = now
      box.scrollTop = (box.scrollHeight / 60) * left
      if (left-- > 0) requestAnimationFrame(step)
      else resolve(frames.slice(1).sort((a, b) => a - b))
    }
    requestAnimationFrame(step)
  })`)) as number[]
  const [median, slowest] = [frames[30]!, frames.at(-1)!]
  t.diagnostic(`the end after ${Math.round(took)} ms; frames of ${median} ms, the slowest ${slowest}`)
  assert.ok(slowest <= 100 || isLoaded(), `frames that took ${frames.filter((ms) => ms > 100).join(', ')} ms`)
  assert.deepEqual(many.faults, [])
})

/** One layer with one directory of so many names. */
async function makeMany(path: string, count: number): Promise<void> {
  const gzip = createGzip({ level: 1 })
  const done = pipeline(gzip, createWriteStream(path))
  gzip.write(directory('many/'))
  for (let from = 0; from < count; from += 1_000) {
    const names = Array.from({ length: 1_000 }, (_, at) => `many/f${String(from + at).padStart(7, '0')}`)
    if (!gzip.write(Buffer.concat(names.map((name) => header({ name }))))) await once(gzip, 'drain')
  }
  gzip.end(Buffer.alloc(1_024))
  await done
}

/** On a machine that is busy with other work nobody can say how long a thing takes. */
function isLoaded(): boolean {
  const [load = 0] = readFileSync('/proc/loadavg', 'utf8').split(' ').map(Number)
  return load > 3
}
