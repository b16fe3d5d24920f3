/**
 * Which attributes are the union's own, and how a user's attribute of such a name is stored one level deeper.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MarkStore } from '../../src/layers/marks.js'

for (const prefix of ['trusted.overlay.', 'user.overlay.']) {
  describe(`marks under ${prefix}`, () => {
    const marks = new MarkStore(prefix)

    it('are hidden', () => {
      for (const mark of ['opaque', 'redirect', 'origin', 'upper', 'anything'])
        assert.equal(marks.shown(prefix + mark), null)
    })

    it('are escaped for those who use the mount, one level for each nesting', () => {
      assert.equal(marks.stored(`${prefix}opaque`), `${prefix}overlay.opaque`)
      assert.equal(marks.stored(`${prefix}overlay.opaque`), `${prefix}overlay.overlay.opaque`)
      assert.equal(marks.shown(`${prefix}overlay.opaque`), `${prefix}opaque`)
    })

    it('leave other names alone', () => {
      for (const name of [
        'user.x',
        'user.overlayx',
        'trusted.overlay',
        'security.selinux',
        'system.posix_acl_access',
      ]) {
        assert.equal(marks.stored(name), name)
        assert.equal(marks.shown(name), name)
      }
    })

    it('come back as they were set, whatever the name', () => {
      const part = fc.constantFrom('overlay.', 'user.', 'trusted.', 'opaque', 'x', '.')
      fc.assert(
        fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
          const name = parts.join('')
          assert.equal(marks.shown(marks.stored(name)), name)
          assert.equal(marks.shown(marks.stored(prefix + name)), prefix + name)
        }),
      )
    })
  })
}
