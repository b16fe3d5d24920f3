/** POSIX ACLs: read, set, inherited, enforced, and how they move mode bits and setgid. */
import assert from 'node:assert/strict'
import { ACL_ACCESS, ACL_DEFAULT, acl, type Case, type Family, fails, shows } from '../case.js'
import { S } from '../numbers.js'
import { dir, file } from '../tree.js'

const U = 1
const USER = 2
const G = 4
const GROUP = 8
const MASK = 16
const OTHER = 32

/** rw for the owner, rw for user 1005 under a mask, r for the group, nothing for others. */
const shared = acl([
  [U, 6],
  [USER, 6, 1005],
  [G, 4],
  [MASK, 6],
  [OTHER, 0],
])
const inherited = acl([
  [U, 7],
  [USER, 7, 1005],
  [G, 5],
  [MASK, 7],
  [OTHER, 0],
])

const cases: Case[] = [
  {
    name: 'an ACL of a lower file is read, and its mask is the group’s mode bits',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o600, xattrs: { [ACL_ACCESS]: shared } }) }],
    run({ fs }) {
      assert.equal(fs.getxattr('f', ACL_ACCESS), shared)
      shows(fs.stat('f'), { mode: 0o660 })
    },
  },
  {
    name: 'an ACL of a lower file is enforced',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o600, xattrs: { [ACL_ACCESS]: shared } }) }],
    run({ fs }) {
      fs.as(1005, 1005, () => fs.append('f', 'y'))
      fs.as(1006, 1006, () => fails('EACCES', () => fs.read('f')))
      fs.as(1006, 0, () => {
        assert.equal(fs.read('f'), 'xy')
        fails('EACCES', () => fs.append('f', 'z'))
      })
    },
  },
  {
    name: 'an ACL goes along with the copy-up',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o600, xattrs: { [ACL_ACCESS]: shared } }) }],
    run({ fs, remount }) {
      fs.append('f', 'y')
      remount()
      assert.equal(fs.getxattr('f', ACL_ACCESS), shared)
      shows(fs.stat('f'), { mode: 0o660 })
      fs.as(1005, 1005, () => assert.equal(fs.read('f'), 'xy'))
    },
  },
  {
    name: 'setting an ACL on a lower file sets the mode; chmod changes the mask',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o644 }) }],
    run({ fs }) {
      fs.setxattr('f', ACL_ACCESS, shared)
      shows(fs.stat('f'), { mode: 0o660 })
      fs.chmod('f', 0o640)
      fs.as(1005, 1005, () => {
        assert.equal(fs.read('f'), 'x')
        fails('EACCES', () => fs.append('f', 'y'))
      })
    },
  },
  {
    name: 'an ACL that says no more than the mode is not kept',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o600 }) }],
    run({ fs }) {
      const minimal = acl([
        [U, 6],
        [G, 4],
        [OTHER, 4],
      ])
      fs.setxattr('f', ACL_ACCESS, minimal)
      shows(fs.stat('f'), { mode: 0o644 })
      fails('ENODATA', () => fs.getxattr('f', ACL_ACCESS))
    },
  },
  {
    name: 'a default ACL of a lower directory is inherited by new files and directories, instead of the umask',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o777, xattrs: { [ACL_DEFAULT]: inherited } }) }],
    run({ fs }) {
      fs.umask(0o077)
      fs.write('d/f', 'x', 0o666)
      fs.mkdir('d/s', 0o777)
      fs.mknod('d/p', S.IFIFO | 0o666)
      shows(fs.stat('d/f'), { mode: 0o660 })
      shows(fs.stat('d/s'), { mode: 0o770 })
      shows(fs.stat('d/p'), { mode: 0o660 })
      assert.equal(fs.getxattr('d/s', ACL_DEFAULT), inherited)
      assert.equal(fs.getxattr('d/s', ACL_ACCESS), inherited)
      fails('ENODATA', () => fs.getxattr('d/f', ACL_DEFAULT))
      fs.as(1005, 1005, () => fs.append('d/f', 'y'))
    },
  },
  {
    name: 'a default ACL set in the mount is inherited over a whiteout too',
    needs: ['owners'],
    lowers: [{ d: dir({ mode: 0o777 }), 'd/f': file('old') }],
    run({ fs }) {
      fs.setxattr('d', ACL_DEFAULT, inherited)
      fs.unlink('d/f')
      fs.write('d/f', 'new', 0o666)
      shows(fs.stat('d/f'), { mode: 0o660 })
      fs.as(1005, 1005, () => assert.equal(fs.read('d/f'), 'new'))
    },
  },
  {
    name: 'removing an ACL leaves the mode bits',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o600, xattrs: { [ACL_ACCESS]: shared } }) }],
    run({ fs }) {
      fs.removexattr('f', ACL_ACCESS)
      fails('ENODATA', () => fs.getxattr('f', ACL_ACCESS))
      shows(fs.stat('f'), { mode: 0o660 })
      fs.as(1005, 1005, () => fails('EACCES', () => fs.read('f')))
    },
  },
  {
    name: 'setting an ACL by an owner outside the group clears setgid',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o2775, uid: 1001, gid: 55 }) }],
    run({ fs }) {
      const value = acl([
        [U, 7],
        [USER, 7, 1005],
        [G, 5],
        [MASK, 7],
        [OTHER, 5],
      ])
      fs.as(1001, 1001, () => fs.setxattr('f', ACL_ACCESS, value))
      shows(fs.stat('f'), { mode: 0o775, gid: 55 })
    },
  },
  {
    name: 'chmod by an owner outside the group clears setgid',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o755, uid: 1001, gid: 55 }) }],
    run({ fs }) {
      fs.as(1001, 1001, () => fs.chmod('f', 0o2755))
      shows(fs.stat('f'), { mode: 0o755 })
    },
  },
  {
    name: 'an ACL by somebody else is EPERM, a broken one EINVAL, a default one on a file EACCES',
    needs: ['owners'],
    lowers: [{ f: file('x') }],
    run({ fs }) {
      fs.as(1001, 1001, () => fails('EPERM', () => fs.setxattr('f', ACL_ACCESS, shared)))
      fails('EINVAL', () => fs.setxattr('f', ACL_ACCESS, acl([[U, 6]])))
      fails('EACCES', () => fs.setxattr('f', ACL_DEFAULT, shared))
      shows(fs.stat('f'), { mode: 0o644 })
    },
  },
  {
    name: 'a named group’s entry is enforced',
    needs: ['owners'],
    lowers: [{ f: file('x', { mode: 0o600 }) }],
    run({ fs }) {
      const value = acl([
        [U, 6],
        [G, 0],
        [GROUP, 4, 77],
        [MASK, 4],
        [OTHER, 0],
      ])
      fs.setxattr('f', ACL_ACCESS, value)
      fs.as(1001, 77, () => assert.equal(fs.read('f'), 'x'))
      fs.as(1001, 78, () => fails('EACCES', () => fs.read('f')))
    },
  },
]

export const acls: Family = { name: 'ACLs', cases }
