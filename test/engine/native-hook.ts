/**
 * A hand on every system call the engine makes. The engine reaches the disk through one object, `native`; here each of
 * its methods is replaced once by one that asks a hook first, so that a test can count calls, end the engine before
 * one, or let one fail. Which calls change something on disk is said in one place, `changesDisk`. Descriptors are
 * followed, so that what a halted engine held can be closed as the death of its process would have.
 */
import { O_CREAT, O_TMPFILE, O_TRUNC } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'

type Call = (...args: never[]) => unknown

/** Runs instead of the call `name`; `proceed` makes the real one, with other arguments where given. */
export type Hook = (name: string, args: readonly unknown[], proceed: (args?: readonly unknown[]) => unknown) => unknown

const changing = new Set([
  'mkdirat',
  'mknodat',
  'symlinkat',
  'linkat',
  'unlinkat',
  'renameat',
  'chmodat',
  'chownat',
  'utimensat',
  'truncateat',
  'setxattr',
  'removexattr',
  'setFlags',
  'pwrite',
  'ftruncate',
  'fallocate',
  'copyFileRange',
  'copyContent',
])
/** Calls that do nothing to the disk and cannot fail in a way the engine would see. */
const silent = new Set(['close', 'become', 'enterEngineThread', 'hasCapability', 'Device'])
const opening = new Set(['openat', 'openBeneath', 'openByHandle', 'cloneMount'])

let current: Hook | null = null
let followed: Set<number> | null = null

/** Whether a call, made with these arguments, may change what is on disk. */
export function changesDisk(name: string, args: readonly unknown[]): boolean {
  if (name !== 'openat') return changing.has(name)
  const flags = args[2] as number
  return (flags & (O_CREAT | O_TRUNC)) !== 0 || (flags & O_TMPFILE) === O_TMPFILE
}

/** Whether a call asks the disk for something, so that it can fail with EIO. */
export function readsDisk(name: string, args: readonly unknown[]): boolean {
  return !silent.has(name) && !changesDisk(name, args)
}

/** Runs `act` with `hook` before every call. */
export function hooked<T>(hook: Hook, act: () => T): T {
  current = hook
  try {
    return act()
  } finally {
    current = null
  }
}

/** Runs `act`; `closeAll` closes the descriptors that were opened meanwhile and not closed. */
export function followDescriptors<T>(act: () => T): { result: T; closeAll: () => void } {
  const mine = new Set<number>()
  followed = mine
  try {
    const closeAll = (): void => {
      for (const fd of mine) native.close(fd)
    }
    return { result: act(), closeAll }
  } finally {
    followed = null
  }
}

function follow(name: string, args: readonly unknown[], result: unknown): void {
  if (followed === null) return
  if (name === 'close') followed.delete(args[0] as number)
  else if (opening.has(name) && (result as number) >= 0) followed.add(result as number)
}

/** `name` and its arguments, short, for messages. */
export function callText(name: string, args: readonly unknown[]): string {
  const shown = args.map((arg) => (arg instanceof Uint8Array ? `<${arg.length}>` : JSON.stringify(arg)))
  return `${name}(${shown.join(', ')})`
}

function install(): void {
  const calls = native as unknown as Record<string, Call>
  for (const name of Object.keys(calls)) {
    const real = calls[name]
    if (typeof real !== 'function' || name === 'Device') continue
    calls[name] = (...args: never[]) => {
      const proceed = (other?: readonly unknown[]): unknown => {
        const result = real.apply(native, (other as never[]) ?? args)
        follow(name, args, result)
        return result
      }
      return current === null ? proceed() : current(name, args, proceed)
    }
  }
}

install()
