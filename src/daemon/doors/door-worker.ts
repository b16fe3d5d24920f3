/**
 * The thread that waits at all doors of a host: what comes first over each device is read, and handed to the main
 * thread with the device, which nobody waits for here any more.
 */
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { BUFFER_BYTES } from '../../session/mount-config.js'
import { native } from '../../syscalls/native.js'
import type { FromDoors } from './first-request.js'

const { epoll } = workerData as { epoll: number }
const buffer = new Uint8Array(BUFFER_BYTES)

for (;;) {
  // A device is its own key.
  const fd = native.epollWait(epoll, -1)
  if (fd < 0) throw new Error(`the doors cannot be waited at: errno ${-fd}`)
  const request = read(fd)
  if (request === 'again') continue
  native.epollRemove(epoll, fd)
  parentPort?.postMessage({ fd, request } satisfies FromDoors)
}

/** The request; null where the mount is gone; `again` where whoever asked was killed meanwhile. */
function read(fd: number): Uint8Array | null | 'again' {
  try {
    return buffer.slice(0, readSync(fd, buffer))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENODEV' || code === 'EBADF' ? null : 'again'
  }
}
