/**
 * Looking at what is there without the addon: stat, directories, links, the filesystem's numbers. One record of each
 * kind per thread is filled, as the addon does it.
 */
import * as fs from 'node:fs'
import type { DirectoryEntries, Native } from '../../native-bindings/index.js'
import { Errno } from '../base/errno.js'
import {
  AT_FDCWD,
  DT_BLK,
  DT_CHR,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_REG,
  DT_SOCK,
  DT_UNKNOWN,
  O_NOFOLLOW,
  O_PATH,
} from './constants.js'
import { attempt, done, openat, pathOf } from './node-paths.js'
import { fillFsstat, fillStat, mountIdOf } from './node-stat.js'
import { STAT_SLOTS } from './stat.js'

function statInto(stat: Float64Array, fd: number, name: string): number {
  const found = attempt(() =>
    name === ''
      ? fs.fstatSync(fd, { bigint: true })
      : fs.lstatSync(pathOf(fd, name), { bigint: true, throwIfNoEntry: false }),
  )
  if (typeof found === 'number') return found
  if (found === undefined) return -Errno.ENOENT
  fillStat(stat, found, name === '' ? mountIdOf(fd) : fd === AT_FDCWD ? mountIdOfPath(name) : 0)
  return 0
}

function mountIdOfPath(path: string): number {
  const fd = openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0)
  if (fd < 0) return 0
  const id = mountIdOf(fd)
  fs.closeSync(fd)
  return id
}

type Reading = Pick<
  Native,
  'statat' | 'statMany' | 'findFirst' | 'readlinkat' | 'readDirectory' | 'hasPrefix' | 'statfs'
>

/** The calls, which fill `stat` and `fsstat`. */
export function reading(stat: Float64Array, fsstat: Float64Array): Reading {
  const statat = (fd: number, name: string): number => statInto(stat, fd, name)
  return {
    statat,
    statMany(fd, names, out) {
      names.forEach((name, i) => {
        const record = out.subarray(i * STAT_SLOTS, (i + 1) * STAT_SLOTS).fill(0)
        const errno = statInto(record, fd, name)
        if (errno < 0) record[STAT_SLOTS - 1] = -errno
      })
      return 0
    },
    findFirst(fds, from, to, name) {
      for (let i = from; i < to; i++) {
        const errno = statat(fds[i] as number, name)
        if (errno >= 0) return i
        if (errno === -Errno.ENOENT || errno === -Errno.ENOTDIR) continue
        stat[STAT_SLOTS - 1] = i
        return errno
      }
      return -Errno.ENOENT
    },
    readlinkat: (fd, name) =>
      name === '' ? -Errno.EOPNOTSUPP : attempt(() => fs.readlinkSync(pathOf(fd, name), { encoding: 'latin1' })),
    readDirectory,
    hasPrefix(fd, name, prefix) {
      const entries = attempt(() => fs.readdirSync(pathOf(fd, name), { encoding: 'latin1' }))
      return typeof entries === 'number' ? entries : entries.some((entry) => entry.startsWith(prefix)) ? 1 : 0
    },
    statfs: (fd) => done(() => fillFsstat(fsstat, fd)),
  }
}

function readDirectory(fd: number, name: string): DirectoryEntries | number {
  const entries = attempt(() => fs.readdirSync(pathOf(fd, name), { withFileTypes: true, encoding: 'latin1' }))
  if (typeof entries === 'number') return entries
  return { names: entries.map((entry) => entry.name), types: Uint8Array.from(entries.map(typeOf)) }
}

function typeOf(entry: fs.Dirent): number {
  if (entry.isFile()) return DT_REG
  if (entry.isDirectory()) return DT_DIR
  if (entry.isSymbolicLink()) return DT_LNK
  if (entry.isCharacterDevice()) return DT_CHR
  if (entry.isBlockDevice()) return DT_BLK
  if (entry.isFIFO()) return DT_FIFO
  return entry.isSocket() ? DT_SOCK : DT_UNKNOWN
}
