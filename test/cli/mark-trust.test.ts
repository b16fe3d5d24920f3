/**
 * What a layer's user can write on his own files must not lead others anywhere in root's mount: redirects and
 * metacopies in `user.overlay.*`, and owners in `override_stat`.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { at, makeRoom, removeRoom, run, stratafs } from './room.js'

const OVERRIDES = ['user.containers.override_stat', 'user.fuseoverlayfs.override_stat']
const SETID = 0o6000

const mount = (options: string): string =>
  run(process.execPath, stratafs, '-o', `lowerdir=top:lower,upperdir=upper,workdir=work${options}`, 'merged')
const mark = (name: string, value: string, path: string): string => run('setfattr', '-n', name, '-v', value, path)
const inspect = () => JSON.parse(run(process.execPath, stratafs, 'inspect', 'merged'))[0]

function code(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
  return 'ok'
}

describe('marks that a layer’s user can make', { skip: process.getuid?.() === 0 ? false : 'needs root' }, () => {
  beforeEach(() => {
    makeRoom('stratafs-trust-')
    for (const name of ['top', 'lower', 'lower/secret', 'lower/dir', 'upper', 'work', 'merged']) mkdirSync(at(name))
    writeFileSync(at('lower/secret/file'), 'x')
    chmodSync(at('lower/secret'), 0o700)
  })
  afterEach(() => {
    spawnSync(process.execPath, [stratafs, 'unmount', at('merged')])
    spawnSync('umount', ['-l', at('merged')])
    removeRoom()
  })

  for (const options of [',userxattr', ',userxattr,redirect_dir=on,metacopy=on'])
    for (const layer of ['top', 'upper'])
      it(`a redirect and a metacopy in ${layer} lead nowhere with ${options.slice(1)}`, () => {
        mkdirSync(at(layer, 'way'))
        mark('user.overlay.redirect', '/secret', `${layer}/way`)
        writeFileSync(at(layer, 'copy'), '')
        mark('user.overlay.redirect', '/secret/file', `${layer}/copy`)
        mark('user.overlay.metacopy', '', `${layer}/copy`)
        mount(options)
        assert.equal(
          code(() => lstatSync(at('merged/way'))),
          'EPERM',
        )
        assert.equal(
          code(() => lstatSync(at('merged/copy'))),
          'EPERM',
        )
        assert.equal(
          code(() => renameSync(at('merged/dir'), at('merged/other'))),
          'EXDEV',
        )
        const told = inspect()
        assert.equal(told.Engine.RedirectDir, 'nofollow')
        assert.equal(told.Downgrades.join().includes('others may enter'), options.includes('redirect_dir'))
      })

  it('asked for, in a mount that nobody else enters, they are written and followed', () => {
    mount(',userxattr,redirect_dir=on,allow_root')
    renameSync(at('merged/dir'), at('merged/other'))
    assert.equal(run('getfattr', '--only-values', '-n', 'user.overlay.redirect', 'upper/other'), 'dir')
  })

  for (const name of OVERRIDES)
    for (const options of ['', ',xattr_permissions=2'])
      it(`${name} makes no set-id file and no device${options}`, () => {
        mark(name, '0:0:755', 'lower')
        for (const [file, value] of Object.entries({ setid: '5:5:6755:file', device: '5:5:666:char-1-3' })) {
          writeFileSync(at('lower', file), '')
          mark(name, value, `lower/${file}`)
        }
        mount(options)
        for (const file of ['setid', 'device']) {
          const stat = lstatSync(at('merged', file))
          assert.equal(stat.mode & SETID, 0)
          assert.ok(stat.isFile())
          assert.equal(stat.uid, options === '' ? 0 : 5)
        }
        assert.notEqual(spawnSync('setfattr', ['-n', name, '-v', '0:0:6755', at('merged/setid')]).status, 0)
      })

  it('on a file that others can write it is not believed', () => {
    mark(OVERRIDES[0]!, '0:0:755', 'lower')
    writeFileSync(at('lower/open'), '')
    chmodSync(at('lower/open'), 0o666)
    mark(OVERRIDES[0]!, '5:5:700:file', 'lower/open')
    mount(',xattr_permissions=2')
    assert.equal(lstatSync(at('merged/open')).uid, 0)
    assert.equal(lstatSync(at('merged/open')).mode & 0o777, 0o666)
  })
})
