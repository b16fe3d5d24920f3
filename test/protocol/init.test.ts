import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { InitFlag, InitFlag2 } from '../../src/protocol/flags.js'
import { answerOf, dataTerms, type InitAnswer, type InitChoices, negotiate, termsOf } from '../../src/protocol/init.js'

const data = { passthrough: false, stackDepth: 1, writeback: true } as const
const choices: InitChoices = { data, acl: true, readdirplus: 'on', directIo: false, maxWrite: 1 << 20, pageSize: 4096 }

/** What kernels offer: bits that exist in that version of the protocol. */
const offers = {
  27: { major: 7, minor: 27, maxReadahead: 131072, flags: 0x003ffffb, flags2: 0 },
  31: { major: 7, minor: 31, maxReadahead: 131072, flags: 0x03fffffb, flags2: 0 },
  38: { major: 7, minor: 38, maxReadahead: 131072, flags: 0x73fffffb, flags2: 0x1 },
  45: { major: 7, minor: 45, maxReadahead: 131072, flags: 0x73fffffb, flags2: 0x5fd },
}

function agreed(offer: Parameters<typeof negotiate>[0], own: Partial<InitChoices> = {}): InitAnswer {
  const answer = negotiate(offer, { ...choices, ...own })
  assert.ok(typeof answer === 'object')
  return answer
}

function has(answer: InitAnswer, ...names: Array<keyof typeof InitFlag>): boolean {
  return names.every((name) => (answer.flags & InitFlag[name]) !== 0)
}

describe('INIT', () => {
  it('7.27 (Linux 4.18): no more than it knows', () => {
    const answer = agreed(offers[27])
    assert.equal(answer.minor, 27)
    assert.equal(answer.maxPages, 0)
    assert.ok(has(answer, 'ASYNC_READ', 'BIG_WRITES', 'DONT_MASK', 'PARALLEL_DIROPS', 'POSIX_ACL', 'DO_READDIRPLUS'))
    for (const late of ['MAX_PAGES', 'CACHE_SYMLINKS', 'NO_OPENDIR_SUPPORT', 'SETXATTR_EXT', 'INIT_EXT'] as const) {
      assert.equal(has(answer, late), false, late)
    }
  })

  it('7.31: larger requests, cached symlinks, no OPENDIR', () => {
    const answer = agreed(offers[31])
    assert.deepEqual([answer.minor, answer.maxPages, answer.maxWrite], [31, 256, 1 << 20])
    assert.ok(has(answer, 'MAX_PAGES', 'CACHE_SYMLINKS', 'NO_OPENDIR_SUPPORT', 'EXPLICIT_INVAL_DATA'))
    assert.equal(has(answer, 'HANDLE_KILLPRIV_V2'), false)
  })

  it('7.38 and 7.45: everything asked for', () => {
    for (const version of [38, 45] as const) {
      const answer = agreed(offers[version])
      assert.equal(answer.minor, version)
      assert.ok(has(answer, 'HANDLE_KILLPRIV_V2', 'SETXATTR_EXT', 'INIT_EXT', 'NO_OPEN_SUPPORT'))
      assert.equal(answer.flags2, 0)
      assert.equal(answer.timeGran, 1)
    }
  })

  it('asks for what was not answered to come again only where a mount outlives its process, and only of 7.40', () => {
    assert.equal(agreed(offers[45], { resends: true }).flags2, InitFlag2.HAS_RESEND)
    assert.equal(agreed(offers[38], { resends: true }).flags2, 0)
    const answer = agreed(offers[45], { resends: true })
    assert.deepEqual(answerOf(termsOf(answer)), answer)
  })

  it('a newer minor is answered with ours', () => {
    assert.equal(agreed({ ...offers[45], minor: 60 }).minor, 45)
  })

  it('never asks for what would change who keeps locks or exports', () => {
    const answer = agreed({ ...offers[45], flags: 0x7fffffff, flags2: 0x7ff })
    for (const name of ['POSIX_LOCKS', 'FLOCK_LOCKS', 'EXPORT_SUPPORT', 'AUTO_INVAL_DATA'] as const) {
      assert.equal(has(answer, name), false, name)
    }
  })

  it('cached: no open is answered, writes are gathered where wanted, truncation comes by itself', () => {
    const answer = agreed(offers[45])
    assert.deepEqual(dataTerms(answer), { passthrough: false, noOpen: true, writeback: true })
    assert.equal(has(answer, 'ATOMIC_O_TRUNC'), false)
    const through = agreed(offers[45], { data: { ...data, writeback: false } })
    assert.deepEqual(dataTerms(through), { passthrough: false, noOpen: true, writeback: false })
    assert.equal(answer.maxStackDepth, 0)
  })

  it('passthrough: opens are answered, and nothing is gathered', () => {
    for (const stackDepth of [1, 2] as const) {
      const answer = agreed(offers[45], { data: { ...data, passthrough: true, stackDepth } })
      assert.deepEqual(dataTerms(answer), { passthrough: true, noOpen: false, writeback: false })
      assert.ok(has(answer, 'ATOMIC_O_TRUNC'))
      assert.equal(answer.maxStackDepth, stackDepth)
    }
  })

  it('passthrough that the kernel does not have becomes cached', () => {
    for (const version of [27, 31, 38] as const) {
      const answer = agreed(offers[version], { data: { ...data, passthrough: true } })
      assert.deepEqual(dataTerms(answer), { passthrough: false, noOpen: true, writeback: true })
      assert.equal(answer.maxStackDepth, 0)
    }
  })

  it('a kernel that cannot do without opens is told to go on asking', () => {
    const answer = agreed({ ...offers[27], flags: offers[27].flags & ~InitFlag.NO_OPEN_SUPPORT })
    assert.equal(dataTerms(answer).noOpen, false)
    assert.ok(has(answer, 'ATOMIC_O_TRUNC'))
  })

  it('follows the choices', () => {
    assert.equal(has(agreed(offers[45], { acl: false }), 'POSIX_ACL'), false)
    assert.equal(has(agreed(offers[45], { readdirplus: 'off' }), 'DO_READDIRPLUS'), false)
    assert.equal(has(agreed(offers[45]), 'READDIRPLUS_AUTO'), false)
    assert.ok(has(agreed(offers[45], { readdirplus: 'auto' }), 'DO_READDIRPLUS', 'READDIRPLUS_AUTO'))
    assert.equal(agreed(offers[45], { directIo: true }).flags2, InitFlag2.DIRECT_IO_ALLOW_MMAP)
    assert.equal(agreed(offers[45], { pageSize: 65536 }).maxPages, 16)
  })

  it('never sends back what was not offered', () => {
    fc.assert(
      fc.property(fc.nat(0x7fffffff), fc.nat(0x7fffffff), fc.boolean(), (flags, flags2, directIo) => {
        const answer = agreed({ ...offers[45], flags, flags2 }, { directIo, readdirplus: 'auto' })
        assert.equal(answer.flags & ~flags, 0)
        assert.equal(answer.flags2 & ~flags2, 0)
        if (!has(answer, 'INIT_EXT')) assert.equal(answer.flags2, 0)
      }),
    )
  })

  it('refuses what cannot be served, and names our major to a newer one', () => {
    assert.equal(negotiate({ ...offers[27], minor: 26 }, choices), -22)
    assert.equal(negotiate({ ...offers[27], major: 6 }, choices), -22)
    assert.deepEqual([agreed({ ...offers[45], major: 8, minor: 0 }).major], [7])
  })
})
