/** What `--change` makes of an image's configuration: as Docker does, or a refusal that names the line. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StratafsError } from '../../src/base/failure.js'
import { changed } from '../../src/oci/image/config-change.js'

const base = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } } as const
const run = (changes: string[], config: Record<string, unknown> = {}) => changed({ ...base, config }, changes).config

describe('changes of a configuration', () => {
  const each: readonly (readonly [line: string, outcome: Record<string, unknown>])[] = [
    ['CMD ["a","b c"]', { Cmd: ['a', 'b c'] }],
    ['cmd echo "x y"', { Cmd: ['/bin/sh', '-c', 'echo "x y"'] }],
    ['ENTRYPOINT ["/init"]', { Entrypoint: ['/init'] }],
    ['ENV A=1 B="two words" C=\\ c D=\'$x\'', { Env: ['A=1', 'B=two words', 'C= c', 'D=$x'] }],
    ['ENV A one two', { Env: ['A=one two'] }],
    ['LABEL a.b="c d" e=', { Labels: { 'a.b': 'c d', e: '' } }],
    ['EXPOSE 80 53/udp', { ExposedPorts: { '80/tcp': {}, '53/udp': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['VOLUME ["/a b"]', { Volumes: { '/a b': {} } }],
    ['USER 1000:100', { User: '1000:100' }],
    ['WORKDIR /a b', { WorkingDir: '/a b' }],
    ['STOPSIGNAL SIGRTMIN+3', { StopSignal: 'SIGRTMIN+3' }],
  ]
  for (const [line, outcome] of each) it(line, () => assert.deepEqual(run([line]), outcome))
  it('keep what they do not name, and take the place of what they do', () => {
    const before = { Env: ['PATH=/bin', 'A=1'], Labels: { x: '1' }, Cmd: ['old'], WorkingDir: '/w' }
    const after = { Env: ['PATH=/bin', 'A=2', 'B=3'], Labels: { x: '1', y: '2' }, WorkingDir: '/w', Entrypoint: ['e'] }
    assert.deepEqual(run(['ENV A=2', 'ENV B=3', 'LABEL y=2', 'ENTRYPOINT ["e"]'], before), after)
    assert.equal(run([], before), before)
  })
  for (const line of [
    '',
    'CMD',
    'RUN true',
    'ENV A',
    'ENV A="b',
    'EXPOSE 80/x',
    'VOLUME a',
    'WORKDIR a',
    'USER a b',
    'toString x',
  ])
    it(`refused: ${JSON.stringify(line)}`, () =>
      assert.throws(
        () => run([line]),
        (error: StratafsError) => error.message.startsWith(`--change ${JSON.stringify(line)}: give `),
      ))
})
