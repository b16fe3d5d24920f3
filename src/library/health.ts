/**
 * Whether mounts answer: asked as any program would ask, through the kernel, by a process of its own that can be given
 * up. A thread of this one that waits for a mount would keep it from ending.
 */
import { spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { errorWords } from '../base/errno-words.js'
import { pathBytes, shown } from '../base/text.js'
import { isOurType, mountedOn, readMounts } from '../daemon/mount/mountinfo.js'
import { listMounts } from '../daemon/mount/run-directory.js'
import { O_PATH } from '../syscalls/constants.js'

export interface MountHealth {
  readonly mountpoint: string
  readonly pid: number | null
  /** Null: it answers. */
  readonly fault: string | null
  /** Until it answered, or was given up. */
  readonly milliseconds: number
}

/**
 * Asks every mount of this user that is in this mount namespace, and those in the kernel's table that nobody serves;
 * each gets `milliseconds`.
 */
export async function checkMounts(milliseconds: number): Promise<MountHealth[]> {
  const entries = readMounts()
  const states = listMounts().map(({ state }) => state)
  const here = states.filter(({ mountpoint, device }) => mountedOn(mountpoint, entries)?.device === device)
  const known = new Set(states.map(({ device }) => device))
  const unknown = entries.filter((entry) => isOurType(entry) && !known.has(entry.device))
  const asked = [...here, ...unknown.map(({ mountpoint }) => ({ mountpoint, pid: null }))]
  return Promise.all(asked.map(({ mountpoint, pid }) => check(mountpoint, pid, milliseconds)))
}

async function check(mountpoint: string, pid: number | null, milliseconds: number): Promise<MountHealth> {
  const begun = performance.now()
  const fault = await faultOf(mountpoint, milliseconds)
  return { mountpoint: shown(mountpoint), pid, fault, milliseconds: Math.round(performance.now() - begun) }
}

/** Null when the mount answers statfs(2) in time. */
async function faultOf(mountpoint: string, milliseconds: number): Promise<string | null> {
  let fd: number
  try {
    fd = openSync(pathBytes(mountpoint), O_PATH | constants.O_DIRECTORY)
  } catch (error) {
    return errorWords(error)
  }
  try {
    return await askByProgram(fd, milliseconds)
  } finally {
    closeSync(fd)
  }
}

function askByProgram(fd: number, milliseconds: number): Promise<string | null> {
  return new Promise((resolve) => {
    const stat = spawn('stat', ['-f', '-c', '', '/proc/self/fd/3'], {
      stdio: ['ignore', 'ignore', 'pipe', fd],
      env: { ...process.env, LC_ALL: 'C' },
    })
    let words = ''
    const finish = (fault: string | null) => {
      clearTimeout(late)
      stat.unref()
      stat.stderr?.destroy()
      resolve(fault)
    }
    const late = setTimeout(() => {
      stat.kill('SIGKILL')
      finish(`no answer within ${milliseconds / 1000} s`)
    }, milliseconds)
    stat.stderr?.on('data', (chunk) => {
      words += String(chunk)
    })
    stat.on('error', (error) => finish(`it cannot be asked: ${errorWords(error)}`))
    stat.on('close', (code) => finish(code === 0 ? null : words.trim().replace(/^.*: /s, '').toLowerCase()))
  })
}
