/**
 * Every change through every pair: what one wrote, the other shows, and what that one then changes, the first shows.
 */
import { after, before, describe, it } from 'node:test'
import { Ground } from '../conformance/ground.js'
import { type Change, changes, lowers } from './changes.js'
import { Exchange, missing, type Side } from './exchange.js'

const pairs: readonly (readonly [Side, Side])[] = [
  ['ours', 'kernel'],
  ['kernel', 'ours'],
  ['ours', 'fuse-overlayfs'],
]

let exchange: Exchange

function reasonToSkip(writer: Side, reader: Side, change: Change): string | false {
  return missing([writer, reader]) || (change.unread?.[reader] ?? false)
}

describe('interchange of layers', () => {
  before(() => {
    if (missing(['kernel']) === false) exchange = new Exchange(new Ground())
  })
  after(() => exchange?.close())
  for (const [writer, reader] of pairs)
    for (const change of changes)
      it(`${writer}, then ${reader}: ${change.name}`, { skip: reasonToSkip(writer, reader, change) }, async () => {
        await new Promise(setImmediate)
        const layers = exchange.stage(writer).layers({ lowers })
        exchange.pass(layers, change.options ?? {}, writer, change.act, [reader, writer])
      })
  it('ours, kernel, ours, kernel: each change on top of the last', { skip: missing(['ours', 'kernel']) }, () => {
    const layers = exchange.stage('ours').layers({ lowers })
    const additions: readonly ((side: string) => (fs: import('../conformance/probe.js').Probe) => void)[] = [
      (side) => (fs) => fs.rename('usr', `usr-${side}`),
      (side) => (fs) => {
        fs.mkdir('usr')
        fs.write(`usr/${side}`, side)
      },
      (side) => (fs) => fs.append('etc/passwd', side),
      (side) => (fs) => fs.link('bin/tool', `tool-${side}`),
    ]
    additions.forEach((addition, i) => {
      const [writer, reader]: readonly [Side, Side] = i % 2 === 0 ? ['ours', 'kernel'] : ['kernel', 'ours']
      exchange.pass(layers, {}, writer, addition(writer), [reader])
    })
  })
})
