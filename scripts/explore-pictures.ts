/**
 * The pictures of the explorer in the README, made anew: an image of three layers from this machine's own files, its
 * page in a headless Chromium, and the terminal form as a terminal shows it.
 *
 * Usage: npm run build:ts && node dist/scripts/explore-pictures.js      (needs chromium and tar)
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import type { Style } from '../src/cli/explore/cells.js'
import { screenLines } from '../src/cli/explore/screen.js'
import { TerminalState } from '../src/cli/explore/terminal-state.js'
import { Explorer } from '../src/explore/explorer.js'
import { ExploreServer } from '../src/explore/server/server.js'
import { checkoutRoot } from './checkout.js'

/** Largest picture, in bytes. */
const MOST = 150_000

const STEPS = [
  'ADD rootfs.tar.gz /',
  'RUN apt-get install -y app && make -C /src install',
  'RUN rm -rf /src /var/cache/apt && chmod 4755 /usr/bin/app',
]

/** Puts what a build would leave into three folders; each becomes a layer. */
function fillLayers(folder: string): void {
  const put = (path: string, content: string | Buffer, mode = 0o644) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
    chmodSync(join(folder, path), mode)
  }
  const bytes = (length: number) => Buffer.alloc(length, 'stratafs ')
  const bash = readFileSync('/bin/bash')
  for (const path of ['usr/share/perl', 'usr/share/zoneinfo', 'etc/ssl'])
    cpSync(join('/', path), join(folder, '1', path), { recursive: true, force: true, verbatimSymlinks: true })
  put('1/usr/bin/bash', bash, 0o755)
  put('1/etc/app.conf', '[server]\nport = 80\nworkers = 1\nlog = /var/log/app\n\n[cache]\nsize = 64M\n')
  put('1/etc/motd', 'Welcome\n')
  put('2/src/app.tar', bytes(14_000_000))
  put('2/src/build/app.o', bytes(3_000_000))
  put('2/var/cache/apt/pkgcache.bin', bytes(6_000_000))
  put('2/usr/bin/app', bash, 0o755)
  put('2/usr/lib/libapp.so', bytes(2_400_000))
  put('2/etc/app.conf', '[server]\nport = 8080\nworkers = 4\nlog = /var/log/app\ntls = on\n\n[cache]\nsize = 64M\n')
  put('3/usr/bin/app', bash, 0o4755)
  put('3/.wh.src', '')
  put('3/var/cache/.wh.apt', '')
  put('3/etc/.wh.motd', '')
}

/** An OCI layout with the image `app` in `folder`; its path. */
function makeImage(folder: string): string {
  fillLayers(folder)
  const layout = join(folder, 'images')
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`
  const put = (mediaType: string, content: Buffer) => {
    writeFileSync(join(layout, 'blobs/sha256', digestOf(content).slice(7)), content)
    return { mediaType, digest: digestOf(content), size: content.length }
  }
  const tars = ['1', '2', '3'].map((name) =>
    execFileSync('tar', ['-C', join(folder, name), '--mtime=@1767225600', '-c', '.'], { maxBuffer: 2 ** 30 }),
  )
  const layers = tars.map((tar) => put('application/vnd.oci.image.layer.v1.tar', tar))
  const config = {
    created: new Date(Date.now() - 3 * 3_600_000).toISOString(),
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
    history: STEPS.map((created_by, at) => ({
      created_by,
      created: new Date(Date.now() - [40 * 86_400_000, 4 * 3_600_000, 3 * 3_600_000][at]!).toISOString(),
    })),
  }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const stored = put('application/vnd.oci.image.config.v1+json', Buffer.from(JSON.stringify(config)))
  const manifest = put(mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: stored, layers })))
  const annotations = { 'org.opencontainers.image.ref.name': 'app' }
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  )
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return layout
}

async function picturePage(browser: Browser, explorer: Explorer, path: string): Promise<void> {
  const server = await ExploreServer.start(explorer)
  const page = await browser.newPage({ viewport: { width: 1180, height: 560 }, colorScheme: 'light' })
  await page.goto(server.url)
  await page.goto(`${new URL(server.url).origin}/#tree?path=/etc&file=/etc/app.conf`)
  await page.locator('del').first().waitFor()
  await page.screenshot({ path })
  await page.close()
  await server.close()
}

const COLOURS: Readonly<Record<Style, string>> = {
  plain: '',
  bold: 'font-weight:bold',
  dim: 'color:#8b949e',
  added: 'color:#7ee787',
  changed: 'color:#e3b341',
  deleted: 'color:#ff7b72',
  chosen: 'background:#e6edf3;color:#0d1117',
  head: 'background:#e6edf3;color:#0d1117;font-weight:bold',
}

async function pictureTerminal(browser: Browser, explorer: Explorer, path: string): Promise<void> {
  const state = new TerminalState(explorer)
  state.reveal('/etc/motd')
  state.reveal('/usr/bin')
  const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  const lines = screenLines(state, 100, 26).map((line) =>
    line.map(({ text, style }) => `<span style="${COLOURS[style]}">${escaped(text)}</span>`).join(''),
  )
  const look = 'margin:0;padding:8px;background:#0d1117;color:#e6edf3;font:14px/18px "DejaVu Sans Mono",monospace'
  const page = await browser.newPage({ viewport: { width: 880, height: 490 } })
  await page.setContent(`<pre style='${look};display:inline-block'>${lines.join('\n')}</pre>`)
  await page.locator('pre').screenshot({ path })
  await page.close()
}

async function main(): Promise<void> {
  const program = spawnSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], { encoding: 'utf8' })
  if (program.status !== 0) throw new Error('chromium is not installed: apt-get install chromium')
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-pictures-'))
  // A name that a reader can read, wherever this runs.
  const here = process.cwd()
  const browser = await chromium.launch({ executablePath: program.stdout.trim(), args: ['--no-sandbox'] })
  try {
    makeImage(folder)
    process.chdir(folder)
    const explorer = await Explorer.open({ name: 'images:app' })
    await explorer.filling.done
    Object.assign(explorer.source, { title: './images:app' })
    const pictures = ['explore-page.png', 'explore-terminal.png'].map((name) => join(checkoutRoot(), 'docs', name))
    await picturePage(browser, explorer, pictures[0]!)
    await pictureTerminal(browser, explorer, pictures[1]!)
    await explorer.close()
    for (const path of pictures) {
      const { size } = statSync(path)
      if (size > MOST) throw new Error(`${path} is ${size} bytes large, ${MOST} at most`)
      console.log(`${path}: ${size} bytes`)
    }
  } finally {
    await browser.close()
    process.chdir(here)
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
