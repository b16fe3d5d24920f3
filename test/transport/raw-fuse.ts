/**
 * The package fuse-native as it is, without anything of ours around it, serving one file on argv[2]: what tests compare
 * the transport with. It prints one JSON line once it serves, and one for each utimens. `argv[3]` is its timeout in ms;
 * readlink of the file `slow` answers after twice as long.
 */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadFuseNative } from '../../src/transport/fuse-native/package.js'

const [mountpoint = '', timeout = '0'] = process.argv.slice(2)
// Makes libfuse known to the linker.
const loaded = loadFuseNative()
if (typeof loaded === 'string') throw new Error(loaded)
const Fuse = createRequire(import.meta.url)('fuse-native')
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

const kinds: Record<string, number> = { '/': 0o40755, '/file': 0o100644, '/slow': 0o120777 }
type Done = (errno: number, ...more: unknown[]) => void
const operations = {
  getattr(path: string, done: Done) {
    const mode = kinds[path]
    if (mode === undefined) return done(-2)
    done(0, { mode, size: 0, uid: 0, gid: 0, nlink: 0, atime: 0, mtime: 0, ctime: 0 })
  },
  readlink: (_path: string, done: Done) => void sleep(2 * Number(timeout)).then(() => done(0, 'late')),
  utimens(_path: string, atime: number, mtime: number, done: Done) {
    say({ atime, mtime })
    done(0)
  },
}
const fuse = new Fuse(mountpoint, operations, { timeout: Number(timeout), attrTimeout: 0, acAttrTimeout: '0' })
fuse.mount((error: Error | null) => say({ error: error?.message ?? null, options: fuse._fuseOptions() }))
