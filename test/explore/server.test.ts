/**
 * Who the explorer's server answers: whoever has the token, once, then that browser; nobody by another host name, from
 * another site, or without. And no path outside the layers, however it is written.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { get, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Explorer } from '../../src/explore/explorer.js'
import { ExploreServer } from '../../src/explore/server/server.js'

let folder = ''
let explorer: Explorer
let server: ExploreServer
let origin = ''
let token = ''
let cookie = ''

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stratafs-explore-server-'))
  mkdirSync(join(folder, 'lower/d'), { recursive: true })
  writeFileSync(join(folder, 'secret'), 'outside\n')
  writeFileSync(join(folder, 'lower/d/file'), 'inside\n')
  symlinkSync('../../secret', join(folder, 'lower/d/link'))
  symlinkSync('..', join(folder, 'lower/up'))
  explorer = await Explorer.open({ lower: [join(folder, 'lower')] })
  await explorer.filling.done
  server = await ExploreServer.start(explorer)
  const url = new URL(server.url)
  origin = url.origin
  token = url.searchParams.get('token')!
})
after(async () => {
  await server.close()
  await explorer.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Sends exactly this path: fetch would tidy it up first. */
function ask(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, headers, method, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        body += piece
      })
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

const known = (path: string, headers: OutgoingHttpHeaders = {}) => ask(path, { cookie, ...headers })

test('without a token, or with a wrong one, all is refused', async () => {
  for (const path of [
    '/',
    '/page.js',
    '/api/overview',
    '/api/content?path=d/file',
    '/api/live',
    '/?token=',
    '/?token=x',
  ])
    assert.equal((await ask(path)).status, 403, path)
  assert.equal((await ask(`/?token=${token.slice(0, -1)}`)).status, 403)
  assert.equal((await ask('/', { cookie: `stratafs-${new URL(origin).port}=x` })).status, 403)
})

test('a right token by another host name is refused, and is not used up', async () => {
  for (const host of ['example.com', 'localhost.example.com:80', `evil.test:${new URL(origin).port}`, '127.0.0.1:1'])
    assert.equal((await ask(`/?token=${token}`, { host })).status, 403, host)
})

test('the token opens once, and leaves a cookie that scripts and other sites do not get', async () => {
  const first = await ask(`/?token=${token}`)
  assert.deepEqual([first.status, first.headers.location], [303, '/'])
  const set = first.headers['set-cookie']![0]!
  assert.match(set, /; Path=\/; HttpOnly; SameSite=Strict$/)
  cookie = set.split(';')[0]!
  assert.equal((await ask(`/?token=${token}`)).status, 403)
  assert.equal((await known('/api/overview')).status, 200)
  // The same browser again, from the terminal's line.
  assert.equal((await known(`/?token=${token}`)).status, 303)
  assert.equal(server.url, `${origin}/`)
})

test('a known browser is refused by another host name, and from another site', async () => {
  assert.equal((await known('/api/overview', { host: 'example.com' })).status, 403)
  for (const site of ['cross-site', 'same-site'])
    assert.equal((await known('/api/overview', { 'sec-fetch-site': site })).status, 403, site)
  assert.equal((await known('/api/overview', { 'sec-fetch-site': 'same-origin' })).status, 200)
})

test('no path leads out of the layers', async () => {
  const paths = ['../secret', '/../secret', '..%2fsecret', '%2e%2e/secret', 'd/../../secret', 'd/..%2f..%2fsecret']
  for (const path of [...paths, `${folder}/secret`, 'up/secret', 'd/link', 'up/../secret', 'd/file%00', '.', '']) {
    const { status, body } = await known(`/api/content?path=${path}`)
    assert.ok(status === 400 || status === 404, `${path}: ${status}`)
    assert.ok(!body.includes('outside'), path)
  }
  for (const path of [
    '/../secret',
    '/..%2f..%2fetc/passwd',
    '/package.json',
    '/page.js/../server/server.js',
    '//etc/passwd',
  ])
    assert.equal((await known(path)).status, 404, path)
  assert.equal((await known('/api/content?path=d/file')).body, 'inside\n')
})

test('a file that became a link meanwhile is not followed', async () => {
  rmSync(join(folder, 'lower/d/file'))
  symlinkSync('../../secret', join(folder, 'lower/d/file'))
  const { status, body } = await known('/api/content?path=d/file')
  assert.deepEqual([status, body.includes('outside')], [404, false])
})

test('contents are never a page, nothing is kept, and no other host may be asked', async () => {
  rmSync(join(folder, 'lower/d/file'))
  writeFileSync(join(folder, 'lower/d/file'), '<script>alert(1)</script>')
  const { headers } = await known('/api/content?path=d/file')
  assert.equal(headers['content-type'], 'application/octet-stream')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['cache-control'], 'no-store')
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self';/)
})

test('only reading is served; faults are told as JSON', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    assert.equal((await ask('/api/overview', { cookie }, method)).status, 405, method)
  const { status, body } = await known('/api/nothing')
  assert.deepEqual([status, JSON.parse(body).error.slice(0, 24)], [404, 'there is no view nothing'])
  assert.equal((await known('/api/tree?layer=x')).status, 400)
  assert.equal((await known('/api/constructor')).status, 404)
  assert.equal((await known('/api/live')).status, 404)
})

test('it ends with connections open', async () => {
  const other = await ExploreServer.start(explorer)
  const { port } = new URL(other.url)
  const hanging = get({ hostname: '127.0.0.1', port, path: '/', agent: false })
  hanging.on('error', () => {})
  await new Promise((resolve) => hanging.once('response', resolve))
  await other.close()
  await assert.rejects(ask('/', {}, 'GET').then(() => fetch(`http://127.0.0.1:${port}/`)))
})
