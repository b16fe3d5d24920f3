/** State of another version: made one's own, given as that version takes it, or refused with nothing changed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { native } from '../../src/syscalls/native.js'
import { convertibleFormats, convertState, formatObstacle } from '../../src/union/state/formats.js'
import { STATE_FORMAT, StateMemory, Word } from '../../src/union/state/memory.js'

function state(format: number, plan: object = {}): StateMemory {
  const memory = StateMemory.map(native.memfd())
  if (typeof memory === 'number') throw new Error(`errno ${-memory}`)
  assert.equal(memory.setText(JSON.stringify({ plan })), true)
  memory.begin()
  memory.words[Word.FORMAT] = format
  return memory
}

test('the format before becomes this one, and back', () => {
  assert.deepEqual(convertibleFormats(), [2, 1])
  const memory = state(1)
  memory.words[Word.LIMIT] = 77
  assert.equal(convertState(memory, STATE_FORMAT), null)
  assert.deepEqual([memory.format, memory.limit], [STATE_FORMAT, null])
  assert.equal(convertState(memory, 1), null)
  assert.equal(memory.format, 1)
})

test('what the version before does not keep is not given to it', () => {
  const memory = state(STATE_FORMAT)
  memory.setLimit(1 << 20, 0)
  memory.setLimit(2 << 20, 9)
  assert.deepEqual(memory.limit, { size: 2 << 20, inodes: 9 })
  assert.match(formatObstacle(memory, 1) ?? '', /it has a limit/)
  assert.match(convertState(memory, 1) ?? '', /it has a limit/)
  assert.equal(memory.format, STATE_FORMAT)
  assert.match(formatObstacle(state(STATE_FORMAT, { config: { limit: { size: 1, inodes: 0 } } }), 1) ?? '', /a limit/)
})

test('a format that nobody knows is refused', () => {
  for (const [from, to] of [
    [STATE_FORMAT + 1, STATE_FORMAT],
    [STATE_FORMAT, STATE_FORMAT + 1],
    [0, STATE_FORMAT],
  ] as const) {
    const memory = state(from)
    assert.match(convertState(memory, to) ?? '', new RegExp(`has format ${from}, and format ${to} is wanted`))
    assert.equal(memory.format, from)
  }
  const unwritten = StateMemory.map(native.memfd()) as StateMemory
  assert.match(formatObstacle(unwritten, STATE_FORMAT) ?? '', /never written/)
})
