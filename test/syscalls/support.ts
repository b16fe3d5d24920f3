/**
 * What the tests of the addon share: a temporary directory on each kind of filesystem, opened O_PATH as layers are, and
 * removed again whatever happens. Every test of a call runs on ext4 (or whatever /tmp is) and on tmpfs.
 */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_EXCL, O_PATH, O_RDWR } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'

/** Not ASCII and not UTF-8, with a byte above 127 and a control byte: a name must survive as it is. */
export const STRANGE = 'caf\xe9 \xff\x80\x01'

export const isRoot = process.getuid?.() === 0

/** The skip reason of a test that only root can run. */
export const needsRoot = isRoot ? false : 'needs root'

export interface Scratch {
  /** O_PATH descriptor of the directory. */
  readonly fd: number
  readonly path: string
}

const ROOTS = ['/tmp', '/dev/shm']

/** The number of descriptors this process holds. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** The number when the call worked; fails the test when it did not. */
export function ok(answer: number): number {
  if (answer < 0) throw new Error(`a call failed with ${answer}`)
  return answer
}

/** Runs `run` in a new directory below `root`, and removes it. */
export function inScratch<T>(root: string, run: (scratch: Scratch) => T): T {
  const path = mkdtempSync(`${root}/stratafs-native-`)
  const fd = ok(native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0))
  try {
    return run({ fd, path })
  } finally {
    native.close(fd)
    rmSync(path, { recursive: true, force: true })
  }
}

/** One test per filesystem. */
export function onEach(
  name: string,
  run: (scratch: Scratch, t: TestContext) => void,
  skip: string | false = false,
): void {
  for (const root of ROOTS.filter((root) => lstatSync(root, { throwIfNoEntry: false })?.isDirectory()))
    test(`${name} (${root})`, { skip }, (t) => inScratch(root, (scratch) => run(scratch, t)))
}

/** Makes `name` hold `content`, with the mode 0644. */
export function makeFile(scratch: Scratch, name: string, content = ''): void {
  const fd = ok(native.openat(scratch.fd, name, O_RDWR | O_CREAT | O_EXCL, 0o644))
  const bytes = Buffer.from(content, 'latin1')
  ok(native.pwrite(fd, bytes, 0, bytes.length, 0))
  native.close(fd)
}

/** Opens a place, hands over the descriptor, closes it. */
export function opened<T>(scratch: Scratch, name: string, flags: number, run: (fd: number) => T): T {
  const fd = ok(native.openat(scratch.fd, name, flags, 0o644))
  try {
    return run(fd)
  } finally {
    native.close(fd)
  }
}
