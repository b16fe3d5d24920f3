import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RenameFlag } from '../../src/protocol/flags.js'
import { flagNames, printArguments, quote } from '../../src/protocol/print.js'

const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1')

describe('the trace’s words', () => {
  it('shows UTF-8 as such and every other byte as an escape', () => {
    assert.equal(quote(latin1('Käse 🧀')), '"Käse 🧀"')
    assert.equal(quote('caf\xe9'), '"caf\\xe9"')
    assert.equal(quote('a"b\\c\n\x7f'), '"a\\"b\\\\c\\x0a\\x7f"')
    assert.equal(quote(latin1('a\u202eb')), '"a\\u{202e}b"')
  })

  it('keeps any name on one line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        assert.doesNotMatch(quote(Buffer.from(bytes).toString('latin1')), /[\p{Cc}\u2028\u2029]/u)
      }),
    )
  })

  it('names bits, and shows what has no name', () => {
    const flags = flagNames(RenameFlag)
    assert.deepEqual([0, 1, 6, 0x80000001].map(flags), ['0', 'NOREPLACE', 'EXCHANGE|WHITEOUT', 'NOREPLACE|0x80000000'])
  })

  it('puts numbers in braces, then strings, then bytes', () => {
    const args = { newdir: 9, flags: 1, oldName: 'a', newName: 'b', value: new Uint8Array(3) }
    assert.equal(printArguments(args, { flags: flagNames(RenameFlag) }), '{newdir:9 flags:NOREPLACE} "a" "b" (3 bytes)')
    assert.equal(printArguments({}, {}), '')
  })
})
