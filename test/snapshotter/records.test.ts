/** What is told of snapshots without any mount: filters as containerd has them, and labels that ask for something. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configText, lineOf, unitText } from '../../src/cli/snapshotter/config-text.js'
import { parseFilters } from '../../src/snapshotter/records/filters.js'
import { checkedLabels, mappingsOf } from '../../src/snapshotter/records/labels.js'
import { fieldOf, Kind, type Snapshot } from '../../src/snapshotter/records/snapshot.js'

const SNAPSHOT: Snapshot = {
  id: 7,
  key: 'default/3/sha256:ab',
  parent: { id: 1, key: 'default/1/base' },
  kind: Kind.COMMITTED,
  created: 1_600_000_000_123_456,
  updated: 1_600_000_000_123_456,
  labels: { 'containerd.io/gc.root': '2020', plain: 'a,b "c"' },
  usage: null,
}

const FILTERS: readonly (readonly [filters: readonly string[], matches: boolean])[] = [
  [[], true],
  [[''], true],
  [['kind==committed'], true],
  [['kind==active'], false],
  [['kind==active', 'kind==committed'], true],
  [['kind==committed,name==other'], false],
  [['kind!=view,parent==default/1/base'], true],
  [['name~="sha256:[a-f]+$"'], true],
  [['name~=/^other/'], false],
  [['labels."containerd.io/gc.root"'], true],
  [['labels."containerd.io/gc.root"==2020'], true],
  [['labels.missing'], false],
  [['labels.missing!=x'], true],
  [['labels.plain=="a,b \\"c\\""'], true],
]

for (const [filters, matches] of FILTERS)
  test(`filters ${JSON.stringify(filters)}: ${matches}`, () => {
    assert.equal(
      parseFilters(filters)((path) => fieldOf(SNAPSHOT, path)),
      matches,
    )
  })

for (const wrong of ['==', 'name==', 'name=x', 'name==a b', 'name~="("', 'labels."x', 'a..b'])
  test(`no filter: ${wrong}`, () => assert.throws(() => parseFilters([wrong]), /filter .* is expected at position/))

test('mappings become mount options, on disk the container’s ids', () => {
  const labels = {
    'containerd.io/snapshot/uidmapping': '0:100000:65536',
    'containerd.io/snapshot/gidmapping': '0:5000:10,10:7000:20',
  }
  assert.deepEqual(mappingsOf(labels), ['uidmapping=0:100000:65536', 'gidmapping=0:5000:10:10:7000:20'])
})

for (const value of ['0:1', '0:1:0', 'a:1:2', '0:1:2:3', '-1:0:1', '0:4294967295:2'])
  test(`no mapping: ${value}`, () =>
    assert.throws(() => checkedLabels({ 'containerd.io/snapshot/uidmapping': value }), /is no mapping/))

test('labels: 4096 bytes are kept, one more is refused, as is what is no size', () => {
  const name = 'containerd.io/x'
  const most = 'v'.repeat(4096 - name.length)
  assert.deepEqual(checkedLabels({ [name]: most, empty: '' }), { [name]: most })
  assert.throws(() => checkedLabels({ [name]: `${most}v` }), /more than 4096 bytes/)
  assert.throws(() => checkedLabels({ 'containerd.io/snapshot/max-size': '1Q' }), /1Q must be a number of bytes/)
})

const SETTINGS = {
  root: '/r',
  address: '/s "k',
  containerd: '/c',
  mounts: 'bind',
  metrics: null,
  level: 'info',
} as const

test('the configuration has what each containerd knows, and no more', () => {
  assert.equal(lineOf('containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1'), '1.6')
  assert.equal(lineOf('containerd containerd.io 1.7.27 05044ec'), '1.7')
  assert.equal(lineOf('containerd github.com/containerd/containerd/v2 v2.2.1 abc'), '2')
  assert.equal(lineOf('nonsense'), null)
  const [old, middle, newest] = (['1.6', '1.7', '2'] as const).map((line) => configText(SETTINGS, line))
  assert.match(old!, /^version = 2$[\s\S]*address = "\/s \\"k"/m)
  assert.doesNotMatch(old!, /diff|exports|capabilities/)
  assert.match(middle!, /type = "diff"[\s\S]*default = \["stratafs-diff", "walking"\]/)
  assert.match(middle!, /capabilities = \["remap-ids"\]$/m)
  assert.match(newest!, /^version = 3$[\s\S]*capabilities = \["remap-ids", "rebase"\]/m)
  for (const text of [old, middle, newest]) assert.match(text!, /disable_snapshot_annotations = false/)
})

test('the unit quotes what systemd would read otherwise', () => {
  const unit = unitText(SETTINGS, '/usr/bin/stratafs', ['--root', '/a b%c$d'])
  assert.match(unit, /^ExecStart=\/usr\/bin\/stratafs snapshotter --root "\/a b%%c\$\$d"$/m)
  assert.match(unit, /^Type=notify$/m)
  assert.match(unit, /^KillMode=process$/m)
})
