/**
 * Our declarations as another project sees them: with nothing of ours but what is published, and with every
 * declaration checked (`skipLibCheck: false`). A small program and the examples are compiled, by the project's
 * TypeScript, by the newest, and by any other that STRATAFS_TYPESCRIPT points to.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'

const root = checkoutRoot()
let project = ''

const CONSUMER = `
import * as stratafs from 'stratafs'
import { type Change, type FailureCode, type ImageDocument, StratafsError } from 'stratafs'
import type { InspectDocument, MountStats } from 'stratafs'

export async function all(path: stratafs.Path): Promise<number> {
  const root: stratafs.Mount = await stratafs.mount(path, { lower: ['/a', Buffer.from('/b')], upper: undefined })
  const stats: MountStats = await stratafs.stats(root.mountpoint)
  const document: InspectDocument = await stratafs.inspect(root.mountpoint)
  const changes: Change[] = await stratafs.diff({ upper: '/u', lower: ['/a'] })
  const image: ImageDocument = await stratafs.inspectImage('./images:app')
  const { signal } = new AbortController()
  const mounted = await stratafs.mountImage('./images:app', '/m', { signal, nosuid: true })
  const { digest }: stratafs.Archive = await stratafs.exportImage('./images:app', 1, { level: 3 })
  await root.unmount({ lazy: true })
  return stats.requests + document.Pid + changes.length + image.Size + mounted.layers.length + digest.length
}

export function kind(error: unknown): FailureCode | string | null {
  return error instanceof StratafsError ? (error.code === 'IN_USE' ? error.remedy : error.code) : null
}
`

/** What it must not take. */
const WRONG = `
import { mount, stats } from 'stratafs'
await mount('/m', { lowers: ['/a'] })
const text: string = (await stats('/m')).requests
`

const OPTIONS = {
  target: 'ES2022',
  module: 'NodeNext',
  lib: ['ES2023'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  allowJs: true,
  checkJs: true,
  noEmit: true,
  skipLibCheck: false,
}

before(() => {
  project = mkdtempSync(join(tmpdir(), 'stratafs-types-'))
  const ours = join(project, 'node_modules/stratafs')
  mkdirSync(ours, { recursive: true })
  cpSync(join(root, 'package.json'), join(ours, 'package.json'))
  const isDeclaration = (path: string) => !/\.\w+$/.test(path) || /\.d\.c?ts$/.test(path)
  cpSync(join(root, 'dist/src'), join(ours, 'dist/src'), { recursive: true, filter: isDeclaration })
  mkdirSync(join(project, 'node_modules/@types'))
  symlinkSync(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'))
  cpSync(join(root, 'examples'), join(project, 'examples'), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{"type":"module"}')
  writeFileSync(join(project, 'consumer.ts'), CONSUMER)
  writeFileSync(join(project, 'wrong.ts'), WRONG)
  for (const [name, include] of [
    ['right', ['consumer.ts', 'examples']],
    ['wrong', ['wrong.ts']],
  ] as const)
    writeFileSync(join(project, `${name}.json`), JSON.stringify({ compilerOptions: OPTIONS, include }))
})

after(() => rmSync(project, { recursive: true, force: true }))

/** Why the compiler in `place` cannot be tried; false where it can. */
function missing(place: string | undefined): string | false {
  if (place === undefined) return 'STRATAFS_TYPESCRIPT names no folder of another TypeScript'
  return existsSync(join(place, 'bin/tsc')) ? false : `there is no TypeScript in ${place}`
}

const COMPILERS: readonly (readonly [name: string, place: string | undefined])[] = [
  ['the project’s TypeScript', join(root, 'node_modules/typescript')],
  ['the newest TypeScript', join(root, 'node_modules/typescript-newest')],
  ['the TypeScript of STRATAFS_TYPESCRIPT', process.env.STRATAFS_TYPESCRIPT],
]
for (const [name, place] of COMPILERS) {
  test(`a program compiles against our declarations, all of them checked: ${name}`, { skip: missing(place) }, () => {
    const compile = (config: string) =>
      spawnSync(process.execPath, [join(place!, 'bin/tsc'), '-p', `${config}.json`], { cwd: project, encoding: 'utf8' })
    const right = compile('right')
    assert.equal(right.stdout + right.stderr, '')
    assert.equal(right.status, 0)
    const wrong = compile('wrong')
    assert.match(wrong.stdout, /wrong\.ts\(3,\d+\): error TS\d+: .*'lowers'/)
    assert.match(wrong.stdout, /wrong\.ts\(4,\d+\): error TS2322/)
  })
}
