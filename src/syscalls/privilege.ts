/**
 * Power over the machine, as opposed to that within a user namespace. Root of a rootless container has every
 * capability, but passthrough, trusted.* attributes, devices and file handles are only for who has it in the initial
 * user namespace. The kernel calls the two capable() and ns_capable(); `native.hasCapability` is the latter.
 */
import { statSync } from 'node:fs'
import { native } from './native.js'

/** USER_NS_INIT_INO of include/uapi/linux/nsfs.h. */
const INITIAL_USER_NAMESPACE = 0xeffffffd

/** Whether this process has `capability` over the machine. */
export function capable(capability: number): boolean {
  return native.hasCapability(capability) === 1 && inInitialNamespace()
}

/** Whether this is the machine's root, to whom /var/lib belongs; root of a rootless container is its user. */
export function isMachineRoot(): boolean {
  return process.getuid?.() === 0 && inInitialNamespace()
}

/**
 * By its number: the map of ids tells nothing, since others may map every id to itself, too. A kernel built without
 * user namespaces has no such file.
 */
export function inInitialNamespace(): boolean {
  const namespace = statSync('/proc/self/ns/user', { throwIfNoEntry: false })
  return namespace === undefined || namespace.ino === INITIAL_USER_NAMESPACE
}
