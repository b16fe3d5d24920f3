/**
 * The option parser by tables: what each word changes, what each form of writing means, what is refused and in which
 * words, and the difference between the strict and the lenient caller.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StratafsError } from '../../src/base/failure.js'
import { MountFlag, type MountSettings } from '../../src/daemon/options/mount-settings.js'
import { type OptionContext, type ParsedOptions, parseOptions } from '../../src/daemon/options/parse.js'
import type { UnionConfig } from '../../src/union/context/config.js'

const lenient: OptionContext = { strict: false, cwd: '/here' }
const strict: OptionContext = { strict: true, cwd: '/here' }

function parsed(text: string, context: OptionContext = lenient): ParsedOptions {
  const result = parseOptions([text], context)
  if (result instanceof StratafsError) assert.fail(`${text}: ${result.message}`)
  return result
}

function refused(text: string, context: OptionContext): string {
  const result = parseOptions([text], context)
  return result instanceof StratafsError ? result.message : assert.fail(`${text} was taken`)
}

const layers: [text: string, expected: Partial<UnionConfig>][] = [
  ['lowerdir=/a', { lowers: ['/a'], upper: null, work: null, readonly: true }],
  ['lowerdir=/a:/b:/c', { lowers: ['/a', '/b', '/c'] }],
  ['lowerdir=/a\\:b:/c', { lowers: ['/a:b', '/c'] }],
  ['lowerdir=/a\\,b:/c', { lowers: ['/a,b', '/c'] }],
  ['lowerdir=/a\\\\:/c', { lowers: ['/a\\', '/c'] }],
  ['lowerdir=/a\\\\\\:b', { lowers: ['/a\\:b'] }],
  ['lowerdir=/a\\', { lowers: ['/a\\'] }],
  ['lowerdir="/a,b"', { lowers: ['/a,b'] }],
  ['lowerdir=/a"b,ro', { lowers: ['/a"b'], readonly: true }],
  ['lowerdir=/a=b', { lowers: ['/a=b'] }],
  ['lowerdir=a:../b', { lowers: ['/here/a', '/here/../b'] }],
  ['lowerdir=/\xe9\xff', { lowers: ['/\xe9\xff'] }],
  ['lowerdir=/a::/b:', { lowers: ['/a'], dataLowers: ['/b'] }],
  ['lowerdir=/a:/c::d::/e', { lowers: ['/a', '/c'], dataLowers: ['/here/d', '/e'] }],
  ['lowerdir=/a\\:\\:/b', { lowers: ['/a::/b'], dataLowers: [] }],
  ['lowerdir+=/a,lowerdir+=/b,datadir+=/d,datadir+=/e:f', { lowers: ['/a', '/b'], dataLowers: ['/d', '/e:f'] }],
  ['lowerdir=/x,lowerdir=/a', { lowers: ['/a'] }],
  ['lowerdir=/x,lowerdir+=/y:z', { lowers: ['/x', '/y:z'] }],
  [
    'lowerdir=l/ABC:l/DEF,upperdir=D/diff,workdir=D/work',
    { lowers: ['/here/l/ABC', '/here/l/DEF'], upper: '/here/D/diff' },
  ],
  ['lowerdir=/a,upperdir=/u,workdir=/w', { upper: '/u', work: '/w', readonly: false }],
  ['lowerdir=/a,upperdir=/u\\:\\,v,workdir=/w', { upper: '/u:,v' }],
  ['lowerdir=/a,upperdir=/u:v,workdir=/w', { upper: '/u:v' }],
  ['lowerdir=/a,upperdir=u,workdir=/w,ro', { lowers: ['/here/u', '/a'], upper: null, work: null, readonly: true }],
  ['lowerdir=/a,upperdir=/u,ro', { lowers: ['/u', '/a'], upper: null, readonly: true }],
  ['ro,lowerdir=/a,upperdir=/u,workdir=/w,rw', { readonly: false }],
  [',,lowerdir=/a,,ro,', { lowers: ['/a'], readonly: true }],
]

const words: [text: string, expected: Partial<UnionConfig>][] = [
  ['', { data: 'auto', writeback: false }],
  ['data=cached,writeback=1', { data: 'cached', writeback: true }],
  ['copyup=background', { wholeFirst: false }],
  ['copyup=wait', { wholeFirst: true }],
  ['data=passthrough,writeback=0', { data: 'passthrough', writeback: false }],
  ['', { userxattr: null, redirectDir: 'on', metacopy: false, xino: 'auto', volatile: false, fsync: true, acl: true }],
  [
    '',
    { uidMapping: [], gidMapping: [], squashToRoot: false, squashToUid: null, xattrPermissions: 0, staticNlink: false },
  ],
  ['userxattr', { userxattr: true }],
  ['redirect_dir=off', { redirectDir: 'off' }],
  ['redirect_dir=follow', { redirectDir: 'follow' }],
  ['redirect_dir=nofollow', { redirectDir: 'nofollow' }],
  ['redirect_dir=off,redirect_dir=on', { redirectDir: 'on' }],
  ['metacopy=on', { metacopy: true, redirectDir: 'on' }],
  ['metacopy=on,metacopy=off,redirect_dir=off', { metacopy: false, redirectDir: 'off' }],
  ['xino=off', { xino: 'off' }],
  ['xino=on', { xino: 'on' }],
  ['index=on,nfs_export=off,uuid=auto,verity=off', {}],
  ['volatile', { volatile: true, fsync: false }],
  ['volatile,fsync=1', { volatile: true, fsync: false }],
  ['fsync=0', { fsync: false, volatile: false }],
  ['fsync=0,fsync=1', { fsync: true }],
  ['fsync=volatile', { volatile: true, fsync: false }],
  ['volatile,fsync=auto', { volatile: false, fsync: true }],
  ['fsync=auto,volatile', { volatile: true, fsync: false }],
  ['volatile,fsync=strict', { volatile: false, fsync: true, strictSync: true }],
  ['fsync=strict,fsync=auto', { fsync: true, strictSync: false }],
  ['fsync=strict,volatile', { volatile: true, fsync: false, strictSync: false }],
  ['noatime', { noatime: true }],
  ['noatime,atime', { noatime: false }],
  ['uidmapping=0:1000:1', { uidMapping: [{ host: 0, to: 1000, length: 1 }] }],
  ['gidmapping=5:6:7', { gidMapping: [{ host: 5, to: 6, length: 7 }] }],
  ['uidmapping=0:0:0', { uidMapping: [] }],
  [
    'uidmapping=:0:1:47123:47123:0:1',
    {
      uidMapping: [
        { host: 47123, to: 0, length: 1 },
        { host: 0, to: 1, length: 47123 },
      ],
    },
  ],
  ['uidmapping=0:0:4294967295', { uidMapping: [{ host: 0, to: 0, length: 4294967295 }] }],
  ['squash_to_root', { squashToRoot: true }],
  ['squash_to_uid=1000,squash_to_gid=0', { squashToUid: 1000, squashToGid: 0 }],
  ['xattr_permissions=2', { xattrPermissions: 2 }],
  ['static_nlink,noacl', { staticNlink: true, acl: false }],
  ['size=4096', { limit: { size: 4096, inodes: 0 } }],
  ['size=10G,inodes=5', { limit: { size: 10 * 2 ** 30, inodes: 5 } }],
  ['inodes=5,size=1.5mb', { limit: { size: 1.5 * 2 ** 20, inodes: 5 } }],
  ['size=64KiB', { limit: { size: 2 ** 16, inodes: 0 } }],
  ['changelog=1', { changelog: 100_000 }],
  ['changelog=1,changelog_size=50', { changelog: 50 }],
  ['changelog_size=50,changelog=1', { changelog: 50 }],
  ['changelog=1,changelog=0', { changelog: 0 }],
]

for (const [text, expected] of layers) {
  test(`layers: ${text}`, () => {
    const { config } = parsed(text)
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(config[key as keyof UnionConfig], value, key)
  })
}

for (const [text, expected] of words) {
  test(`configuration: ${text || '(defaults)'}`, () => {
    const { config, warnings } = parsed(`lowerdir=/a,${text}`, strict)
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(config[key as keyof UnionConfig], value, key)
    assert.deepEqual(warnings, [])
  })
}

const RW = 'lowerdir=/a,upperdir=/u,workdir=/w'
const mountWords: [text: string, expected: Partial<MountSettings>][] = [
  ['', { fsname: 'stratafs', subtype: 'stratafs', flags: 0, allowOther: null, allowRoot: false, timeout: null }],
  ['fsname=fuse-overlayfs,subtype=x', { fsname: 'fuse-overlayfs', subtype: 'x' }],
  ['nosuid,nodev,noexec', { flags: MountFlag.NOSUID | MountFlag.NODEV | MountFlag.NOEXEC }],
  ['nosuid,nodev,noexec,suid,dev,exec', { flags: 0 }],
  ['ro', { flags: MountFlag.RDONLY }],
  ['nosymfollow,lazytime', { flags: MountFlag.NOSYMFOLLOW | MountFlag.LAZYTIME }],
  ['nosymfollow,lazytime,symfollow,nolazytime', { flags: 0 }],
  ['noatime,sync,dirsync', { flags: MountFlag.NOATIME | MountFlag.SYNCHRONOUS | MountFlag.DIRSYNC }],
  ['allow_other', { allowOther: true }],
  ['allow_root,default_permissions', { allowRoot: true }],
  ['timeout=1.5', { timeout: 1.5 }],
  ['timeout=0', { timeout: 0 }],
  ['timeout=1000000000', { timeout: 1e9 }],
  ['log=/var/log/x', { logFile: '/var/log/x' }],
  ['log=x', { logFile: '/here/x' }],
  ['log=journal', { logFile: null, journal: true }],
  ['log=./journal', { logFile: '/here/./journal', journal: false }],
  ['debug', { trace: true }],
]

for (const [text, expected] of mountWords) {
  test(`mount settings: ${text || '(defaults)'}`, () => {
    const { settings } = parsed(`${RW},${text}`, strict)
    for (const [key, value] of Object.entries(expected)) assert.equal(settings[key as keyof MountSettings], value, key)
  })
}

const taken = [
  'private,shared,slave,rprivate,rslave,unbindable',
  'x-systemd.automount,X-mount.mkdir=0755,comment=a layer,comment',
  'nofail,_netdev,auto_unmount,user=someone,users,noauto,defaults',
  'max_idle_threads=10,threaded=0,cachedir=/c,writeback=1,plugins=,clone_fd,max_write=131072,kernel_cache',
  'relatime,strictatime,lazytime,async,silent',
]
for (const text of taken) {
  test(`taken without a word: ${text}`, () => assert.deepEqual(parsed(`lowerdir=/a,${text}`, strict).warnings, []))
}

test('security labels are ignored aloud, with their commas', () => {
  const text = `lowerdir=/a,context="system_u:object_r:container_file_t:s0:c1,c2",fscontext=x,rootcontext=y,noacl`
  const { config, warnings } = parsed(text, strict)
  assert.equal(warnings.length, 3)
  assert.match(warnings[0]!, /^option context is ignored: /)
  assert.equal(config.acl, false)
})

const refusals: [text: string, words: RegExp][] = [
  ['', /^no lower directory: /],
  ['lowerdir=', /^no lower directory: /],
  ['lowerdir=/a,data=fast', /^option data=fast must be one of auto, passthrough, cached$/],
  ['lowerdir=/a,awake=yes', /^option awake=yes must be one of auto, 0, 1$/],
  ['lowerdir=/a,size=much', /^option size=much must be a number of bytes, or one with a unit \(10G, 512m\)$/],
  ['lowerdir=/a,size=1.5', /^option size=1.5 must be a number of bytes/],
  ['lowerdir=/a,inodes=-1', /^option inodes=-1 must be a whole number from 0 to/],
  ['lowerdir=/a,changelog=2', /^option changelog=2 must be a whole number from 0 to 1$/],
  ['lowerdir=/a,copyup=later', /^option copyup=later must be/],
  ['lowerdir=/a,recover=yes', /^option recover=yes must be one of auto, on, off$/],
  ['lowerdir=/a,writeback=2', /^option writeback=2 must be/],
  ['lowerdir=/a,metacopy=yes', /^option metacopy=yes must be one of on, off$/],
  ['lowerdir=/a,redirect_dir=maybe', /^option redirect_dir=maybe must be one of on, off, follow, nofollow$/],
  ['lowerdir=/a,metacopy=on,redirect_dir=off', /^option metacopy=on needs redirect_dir=on/],
  ['lowerdir=/a,fsync=2', /^option fsync=2 must be one of auto, strict, volatile, 0, 1$/],
  ['lowerdir=/a,nooverride_creds', /^option nooverride_creds is not supported: layers are always accessed with/],
  ['lowerdir=/a,xattr_permissions=3', /from 0 to 2$/],
  ['lowerdir=/a,squash_to_uid=-1', /^option squash_to_uid=-1 must be a whole number/],
  ['lowerdir=/a,squash_to_gid=4294967295', /^option squash_to_gid=4294967295 must be/],
  ['lowerdir=/a,timeout=soon', /^option timeout=soon must be a number of seconds$/],
  ['lowerdir=/a,uidmapping=0:1', /^option uidmapping=0:1 must be HOST:TO:LENGTH/],
  ['lowerdir=/a,uidmapping=a:b:c', /must be HOST:TO:LENGTH/],
  ['lowerdir=/a,gidmapping=4294967295:0:2', /has a range beyond the largest id$/],
  ['lowerdir=/a:::/b', /^option lowerdir=\/a:::\/b has more than two colons in a row/],
  ['lowerdir=/a::/d:/b', /^option lowerdir=\/a::\/d:\/b has a layer after a data-only one/],
  ['datadir+=/d,lowerdir+=/a', /^option lowerdir\+=\/a names a layer after a data-only one/],
  ['lowerdir=/a,verity=require', /^option verity=require is not supported: digests/],
  ['lowerdir=::/d', /^option lowerdir=::\/d has more than two colons/],
  ['lowerdir=/a,nfs_export=on', /^option nfs_export=on is not supported: /],
  ['lowerdir=/a,remount', /^option remount is for a mount that stands/],
  ['lowerdir=/a,upperdir=,workdir=/w', /^option upperdir= must be a path$/],
  [`lowerdir=${Array(501).fill('/a').join(':')}`, /names 501 directories; at most 500/],
]
for (const [text, expected] of refusals) {
  test(`refused by both: ${text.slice(0, 60) || '(nothing)'}`, () => {
    assert.match(refused(text, strict), expected)
    assert.match(refused(text, lenient), expected)
  })
}

test('500 layers are taken', () =>
  assert.equal(parsed(`lowerdir=${Array(500).fill('/a').join(':')}`).config.lowers.length, 500))

const strictOnly: [text: string, words: RegExp][] = [
  ['lowerdri=/a', /^unknown option lowerdri: did you mean lowerdir\?$/],
  ['lowerdir=/a,redirectdir=on', /^unknown option redirectdir: did you mean redirect_dir\?$/],
  ['lowerdir=/a,sqash_to_root', /did you mean squash_to_root\?$/],
  ['lowerdir=/a,wibble-wobble-xyzzy', /^unknown option wibble-wobble-xyzzy$/],
  ['lowerdir=/a,constructor', /^unknown option constructor/],
  ['lowerdir=/a,volatile=1', /^option volatile takes no value \(given: 1\)$/],
  ['lowerdir=/a,timeout', /^option timeout needs a value: timeout=…$/],
  ['lowerdir=/a,workdir=/w', /^option workdir=\/w needs an upperdir: /],
  ['lowerdir=/a:', /^option lowerdir has an empty path in it/],
  ['lowerdir=:/a', /^option lowerdir has an empty path in it/],
  ['datadir+=/d', /^no lower directory/],
]
for (const [text, expected] of strictOnly) {
  test(`refused by the strict only: ${text}`, () => {
    assert.match(refused(text, strict), expected)
    if (text.includes('lowerdir')) parsed(text, lenient)
  })
}

test('the lenient caller is warned of what it gave in vain', () => {
  const { warnings, config } = parsed('lowerdir=/a,volatile=1,frobnicate,workdir=/w')
  assert.deepEqual(warnings.length, 3)
  assert.match(warnings[0]!, /^option volatile takes no value .*; ignored$/)
  assert.match(warnings[1]!, /^unknown option frobnicate.*; ignored$/)
  assert.equal(config.work, null)
})

test('an upperdir without workdir: chosen beside it for the strict caller, refused for the lenient', () => {
  const { config, settings } = parsed('lowerdir=/a,upperdir=/x/u/', strict)
  assert.equal(config.work, '/x/.u.work')
  assert.equal(settings.makeWork, true)
  assert.match(refused('lowerdir=/a,upperdir=/x/u', lenient), /needs a workdir/)
})

test('layers as arguments are not unescaped and come before those of the options', () => {
  const context = { ...strict, lowers: ['/a:b', 'c\\d'], upper: '/u,v', work: '/w' }
  const { config } = parsed('lowerdir=/z', context)
  assert.deepEqual(config.lowers, ['/a:b', '/here/c\\d', '/z'])
  assert.equal(config.upper, '/u,v')
})

test('the source is the fsname where none is given', () => {
  assert.equal(parsed('lowerdir=/a', { ...lenient, source: 'overlay' }).settings.fsname, 'overlay')
  assert.equal(parsed('lowerdir=/a,fsname=n', { ...lenient, source: 'overlay' }).settings.fsname, 'n')
})

test('several option strings are read as one; the words are kept for inspect', () => {
  const result = parseOptions(['lowerdir=/a,', 'ro', 'lowerdir=/b'], lenient)
  assert.ok(!(result instanceof StratafsError))
  assert.deepEqual(result.config.lowers, ['/b'])
  assert.deepEqual(result.options, ['lowerdir=/a', 'ro', 'lowerdir=/b'])
})
