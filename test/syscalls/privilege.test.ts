/** What power over the machine means, asked in processes that have more or less of it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { checkoutRoot } from '../../scripts/checkout.js'
import { needsRoot } from './support.js'

const CAP_CHOWN = 0
const SOURCES = pathToFileURL(`${checkoutRoot()}/dist/src/`).href
const ASK = `
  const { capable, isMachineRoot } = await import('${SOURCES}syscalls/privilege.js')
  const { defaultStore } = await import('${SOURCES}oci/store/store.js')
  const { sharedDirectory } = await import('${SOURCES}owner-index/database/stack-identity.js')
  console.log(JSON.stringify([capable(${CAP_CHOWN}), isMachineRoot(), defaultStore(), sharedDirectory()]))`

/** Set where the addon is one of scripts/sanitize.sh, which loads after the sanitizer only. */
const SANITIZER = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name === 'LD_PRELOAD' || name.endsWith('SAN_OPTIONS')),
)
const needsProc = 'LD_PRELOAD' in SANITIZER && 'a sanitizer needs /proc'

/** The answers of a process that `words` start. */
function asked(...words: string[]): unknown {
  const [program, ...rest] = [...words, process.execPath, '--input-type=module', '-e', ASK]
  const env = { PATH: process.env.PATH, HOME: '/home/who', ...SANITIZER }
  return JSON.parse(execFileSync(program!, rest, { env, encoding: 'utf8' }))
}

describe('power over the machine', { skip: needsRoot }, () => {
  const machine = ['/var/lib/stratafs', '/var/lib/stratafs/stacks']
  const own = ['/home/who/.local/share/stratafs', '/home/who/.cache/stratafs/stacks']
  it('root has it', () => assert.deepEqual(asked(), [true, true, ...machine]))
  it('root without the capability is root still', () =>
    assert.deepEqual(asked('setpriv', '--bounding-set=-chown', '--inh-caps=-chown'), [false, true, ...machine]))
  it('a kernel that tells no namespace has but one', { skip: needsProc }, () =>
    assert.deepEqual(asked('unshare', '--mount', 'sh', '-c', 'umount -l /proc && exec "$@"', 'sh'), [
      true,
      true,
      ...machine,
    ]),
  )
  it('an ordinary user has not', () =>
    assert.deepEqual(asked('setpriv', '--reuid=65534', '--clear-groups'), [false, false, ...own]))
  it('nor root of a user namespace, whatever capabilities it has there', () =>
    assert.deepEqual(asked('unshare', '--user', '--map-root-user'), [false, false, ...own]))
})
