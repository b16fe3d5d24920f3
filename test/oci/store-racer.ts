/**
 * A process that works with a layout and a store as it is told, one line of JSON at a time, and says how each ended. It
 * is the one that gets killed in store-race.test.ts.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { StratafsError } from '../../src/base/failure.js'
import { policyOf } from '../../src/oci/apply/policy.js'
import { commitImage } from '../../src/oci/commit/commit.js'
import { withImage } from '../../src/oci/store/images.js'
import { importImage } from '../../src/oci/store/import.js'
import { removeImage, removeRecord } from '../../src/oci/store/remove.js'
import { LayerStore } from '../../src/oci/store/store.js'

export interface Order {
  readonly work: 'import' | 'commit' | 'rm' | 'unpack' | 'mount'
  readonly folder: string
  readonly tag: string
  readonly base: string
  /** Which archive, and which upper. */
  readonly content: number
}

const WORKS: Record<Order['work'], (order: Order) => Promise<unknown>> = {
  import: ({ folder, tag, content }) =>
    importImage({
      archive: join(folder, `root${content}.tar`),
      reference: { layout: join(folder, 'img'), tag },
      compression: null,
      comment: '',
      author: null,
      platform: null,
      changes: [],
      created: new Date(0),
    }),
  commit: ({ folder, tag, base, content }) =>
    commitImage(
      {
        source: {
          upper: join(folder, `upper${content}`),
          lowers: [join(folder, 'lower')],
          work: null,
          userxattr: null,
        },
        squash: false,
        live: false,
        timestamp: null,
        compression: 'gzip',
      },
      { directory: join(folder, 'img'), tag, base, words: { createdBy: 'test', created: '1970-01-01T00:00:00Z' } },
    ),
  rm: remove,
  unpack: (order) => ensure(order, () => {}),
  // What a mount does until it is up: it finds its layers whole.
  mount: (order) => ensure(order, (paths) => paths.map((path) => readFileSync(join(path, 'f')))),
}

async function remove({ folder, tag }: Order): Promise<unknown> {
  const store = LayerStore.open(join(folder, 'store'), policyOf({}))
  try {
    return await removeImage({ layout: join(folder, 'img'), tag }, store)
  } catch (error) {
    await removeRecord(`${join(folder, 'img')}:${tag}`, store)
    throw error
  }
}

function ensure({ folder, tag }: Order, use: (paths: string[]) => unknown): Promise<unknown> {
  return withImage({ layout: join(folder, 'img'), tag }, {}, (image) => {
    const policy = policyOf({})
    const store = LayerStore.open(join(folder, 'store'), policy)
    return store.using({}, async () => use((await store.ensure(image, { policy })).map(({ path }) => path)))
  })
}

async function obey(order: Order): Promise<{ ok: boolean; words: string; expected: boolean }> {
  try {
    await WORKS[order.work](order)
    return { ok: true, words: '', expected: true }
  } catch (error) {
    return { ok: false, words: String((error as Error).stack), expected: error instanceof StratafsError }
  }
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line)))}\n`)
})
process.stdout.write('ready\n')
