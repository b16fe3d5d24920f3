/**
 * The thread that waits for the first request of each deferred mount of a host: it is read, and handed to the main
 * thread with the device, which nobody waits for here any more.
 */
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { BUFFER_BYTES } from '../../session/mount-config.js'
import { native } from '../../syscalls/native.js'
import type { FirstRequest } from './first-request.js'

const { epoll, wakeFd } = workerData as { epoll: number; wakeFd: number }
const buffer = new Uint8Array(BUFFER_BYTES)

for (;;) {
  // A device is its own key.
  const fd = native.epollWait(epoll, -1)
  if (fd === wakeFd) break
  if (fd < 0) throw new Error(`the devices cannot be waited for: errno ${-fd}`)
  const request = read(fd)
  if (request === 'again') continue
  native.epollRemove(epoll, fd)
  parentPort?.postMessage({ fd, request } satisfies FirstRequest)
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
