/**
 * Two programs at once with one layout and one store, each killed at random, against a model: a tag has all its blobs,
 * an image that was said to be there is there, a layer that has its name is whole, and a later run removes what was
 * left. STRATAFS_RACE_ROUNDS and STRATAFS_RACE_SEED say how many pairs, and which.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkoutRoot } from '../../scripts/checkout.js'
import { archive, directory, file } from './archive.js'
import { inScratch, namesIn } from './scratch.js'
import type { Order } from './store-racer.js'

const ROUNDS = Number(process.env.STRATAFS_RACE_ROUNDS ?? 40)
const SEED = Number(process.env.STRATAFS_RACE_SEED ?? Date.now() % 1_000_000)
const RACER = join(checkoutRoot(), 'dist/test/oci/store-racer.js')
const WORKS = ['import', 'commit', 'rm', 'unpack', 'mount'] as const
const TAGS = ['a', 'b', 'c', 'd']
const CONTENTS = 3
/** A request that takes longer hangs: it is named, and the test ends. */
const ANSWER_SECONDS = 60

/** mulberry32: the same numbers for the same seed. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

type Answer = { ok: boolean; words: string; expected: boolean }

class Racer {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor() {
    this.#child = spawn(process.execPath, [RACER], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdin!.on('error', () => {})
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  /** A new one that waits for orders: what is killed shall be at work. */
  static async ready(): Promise<Racer> {
    const racer = new Racer()
    await racer.#line('the first word')
    return racer
  }

  async #line(question: string): Promise<IteratorResult<string>> {
    const limit = new AbortController()
    const late = sleep(ANSWER_SECONDS * 1000, null, limit)
    const line = await Promise.race([this.#lines.next(), late.catch(() => null)])
    limit.abort()
    if (line !== null) return line
    await this.kill()
    throw new Error(`no answer in ${ANSWER_SECONDS} s: ${question}`)
  }

  /** Null: it was killed before it answered. */
  async order(order: Order): Promise<Answer | null> {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await this.#line(JSON.stringify(order))
    return done ? null : JSON.parse(value)
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

function prepare(folder: string): void {
  mkdirSync(join(folder, 'lower'))
  for (let i = 0; i < CONTENTS; i++) {
    mkdirSync(join(folder, `upper${i}`))
    writeFileSync(join(folder, `upper${i}`, 'f'), `upper ${i}`)
    writeFileSync(join(folder, `root${i}.tar`), archive(directory('./'), file('f', `root ${i}`)))
  }
}

const blobPath = (folder: string, digest: string) => join(folder, 'img/blobs/sha256', digest.slice(7))

function blobOf(folder: string, digest: string, why: string): Buffer {
  assert.ok(existsSync(blobPath(folder, digest)), `${why}: ${digest} is missing`)
  const bytes = readFileSync(blobPath(folder, digest))
  assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest, `${why}: half a blob`)
  return bytes
}

/** The tags that are there, each with all its blobs; every layer whole. */
function check(folder: string): Set<string> {
  const tags = new Set<string>()
  for (const layer of existsSync(join(folder, 'store/layers')) ? readdirSync(join(folder, 'store/layers')) : [])
    if (!layer.startsWith('.'))
      assert.match(readFileSync(join(folder, 'store/layers', layer, 'f'), 'utf8'), /^(root|upper) \d$/)
  if (!existsSync(join(folder, 'img/index.json'))) return tags
  for (const entry of JSON.parse(readFileSync(join(folder, 'img/index.json'), 'utf8')).manifests) {
    const tag: string = entry.annotations['org.opencontainers.image.ref.name']
    assert.ok(!tags.has(tag), `${tag} is there twice`)
    tags.add(tag)
    const manifest = JSON.parse(blobOf(folder, entry.digest, tag).toString())
    for (const { digest } of [manifest.config, ...manifest.layers]) blobOf(folder, digest, tag)
  }
  return tags
}

class Race {
  readonly #random = numbers(SEED)
  readonly #pool: Racer[] = []
  /** What each tag must be; none: either. */
  readonly #known = new Map<string, boolean>(TAGS.map((tag) => [tag, false]))
  readonly pairs = new Map<string, number>()
  killed = 0

  constructor(readonly folder: string) {}

  #one<T>(of: readonly T[]): T {
    return of[Math.floor(this.#random() * of.length)]!
  }

  #order(): Order {
    const { folder } = this
    const content = Math.floor(this.#random() * CONTENTS)
    return { work: this.#one(WORKS), folder, tag: this.#one(TAGS), base: this.#one(TAGS), content }
  }

  async #run(racer: Racer, order: Order, killAfter: number | null): Promise<Answer | null> {
    const answered = racer.order(order)
    if (killAfter !== null) {
      await Promise.race([sleep(killAfter), answered])
      await racer.kill()
    }
    const answer = await answered
    if (killAfter === null) this.#pool.push(racer)
    else this.killed++
    return answer
  }

  async round(): Promise<void> {
    const orders = [this.#order(), this.#order()] as const
    const kills = orders.map(() => (this.#random() < 0.3 ? this.#random() ** 2 * 40 : null))
    const racers = await Promise.all(orders.map(() => this.#pool.pop() ?? Racer.ready()))
    const answers = await Promise.all(orders.map((order, i) => this.#run(racers[i]!, order, kills[i]!)))
    const pair = orders
      .map(({ work }) => work)
      .sort()
      .join('+')
    this.pairs.set(pair, (this.pairs.get(pair) ?? 0) + 1)
    const told = JSON.stringify({ orders: orders.map(({ folder: _, ...rest }) => rest), kills, answers }, null, 1)
    try {
      this.#judge(orders, answers)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${told}`)
    }
  }

  #judge(orders: readonly Order[], answers: readonly (Answer | null)[]): void {
    for (const [i, { work, tag }] of orders.entries()) {
      const answer = answers[i]!
      if (answer !== null)
        assert.ok(
          answer.ok || (answer.expected && / has no image |is no OCI image layout|holds no images/.test(answer.words)),
          answer.words,
        )
      if (work === 'unpack' || work === 'mount' || answer?.ok === false) continue
      const isThere = work !== 'rm'
      const contested = orders.some((other, at) => at !== i && other.tag === tag && /import|commit|rm/.test(other.work))
      if (contested || (answer === null && this.#known.get(tag) !== isThere)) this.#known.delete(tag)
      else this.#known.set(tag, isThere)
    }
    const tags = check(this.folder)
    for (const tag of TAGS) {
      assert.equal(tags.has(tag), this.#known.get(tag) ?? tags.has(tag), `tag ${tag}`)
      this.#known.set(tag, tags.has(tag))
    }
  }

  /** A later run: one image comes, and all go. Then nothing is left. */
  async clean(): Promise<void> {
    const racer = this.#pool.pop() ?? (await Racer.ready())
    const { folder } = this
    const order = { folder, base: 'a', content: 0 }
    await racer.order({ ...order, work: 'import', tag: 'a' })
    await racer.order({ ...order, work: 'unpack', tag: 'a' })
    for (const tag of TAGS) await racer.order({ ...order, work: 'rm', tag })
    for (const tag of TAGS) this.#known.set(tag, false)
    this.#pool.push(racer)
    assert.deepEqual(namesIn(join(folder, 'img/blobs/sha256')), [])
    const left = namesIn(join(folder, 'img')).filter((name) => name !== '.stratafs-sizes.json')
    assert.deepEqual(left, ['blobs', 'index.json', 'oci-layout'])
    for (const name of ['layers', 'images', 'uppers']) assert.deepEqual(namesIn(join(folder, 'store', name)), [], name)
    assert.deepEqual(namesIn(join(folder, 'store/locks')), ['store'])
    assert.deepEqual(namesIn(join(folder, 'store')), ['images', 'layers', 'locks', 'store.json', 'uppers'])
  }

  async end(): Promise<void> {
    await Promise.all(this.#pool.map((racer) => racer.kill()))
  }
}

describe('a layout and a store that several programs use at once', () => {
  it(`hold what their tags say, whoever is killed (seed ${SEED}, ${ROUNDS} rounds)`, () =>
    inScratch(async (folder) => {
      prepare(folder)
      const race = new Race(folder)
      try {
        for (let round = 1; round <= ROUNDS; round++) {
          await race.round()
          if (round % 20 === 0) await race.clean()
          if (round % 100 === 0) console.log(`${round} rounds, ${race.killed} killed`)
        }
        await race.clean()
        if (process.env.STRATAFS_RACE_ROUNDS !== undefined) console.log(race.killed, race.pairs)
      } finally {
        await race.end()
      }
    }))
})
