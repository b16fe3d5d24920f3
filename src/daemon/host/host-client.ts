/** The asking side of a host's socket: who is there, and may it end. One question, one answer. */
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { packageRoot } from '../../base/package-files.js'
import { convertibleFormats } from '../../union/state/formats.js'
import { STATE_FORMAT } from '../../union/state/memory.js'
import { RESUME } from '../keeper/keeper.js'
import { privateDirectories } from '../mount/run-directory.js'

/** What a host tells of itself. */
export interface HostStatus {
  readonly pid: number
  /** Mountpoints, oldest first. */
  readonly mounts: readonly string[]
  /** Of each engine thread: its mounts, and for how many ms it has not answered (0: it does). */
  readonly threads: readonly { readonly mounts: number; readonly silentMs: number }[]
  /** Bytes resident. */
  readonly rss: number
}

/** `refused`: it has mounts, and goes on. */
export type StopAnswer = { readonly stopped: number } | { readonly refused: HostStatus }

/** `upgraded`: that process makes way at once; `refused`: it goes on, for that reason. */
export type UpgradeAnswer = { readonly upgraded: number } | { readonly refused: string; readonly pid: number }

const PATIENCE_MS = 5_000
/** The other version's process has come to its feet by then, also on a machine that has much to do. */
export const UPGRADE_PATIENCE_MS = 20_000

/** The sockets of this user's hosts; some may be left by hosts that were killed. */
export function hostSockets(): string[] {
  return privateDirectories().flatMap((directory) =>
    readdirSync(directory)
      .filter((file) => /^host\.[0-9a-f]+\.sock$/.test(file))
      .map((file) => join(directory, file)),
  )
}

/** Words for `askHost`: this version is to follow. One for each format that it takes, its own first. */
export function upgradeQuestions(): string[] {
  const script = join(packageRoot(), 'dist/src/cli/launched-main.cjs')
  const command = [process.execPath, script, RESUME]
  const formats = [STATE_FORMAT, ...convertibleFormats()]
  return formats.map((format) => ['upgrade', format, command.length, ...command].join('\0'))
}

/** The answer of the host that listens on `path`; null where none does, or it takes too long. */
export function askHost<T>(path: string, question: string, patience = PATIENCE_MS): Promise<T | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let text = ''
    const finish = (answer: T | null) => {
      clearTimeout(late)
      socket.destroy()
      resolve(answer)
    }
    const late = setTimeout(() => finish(null), patience)
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${question}\0`))
    socket.on('data', (chunk) => {
      text += String(chunk)
      if (text.endsWith('\0')) finish(JSON.parse(text.slice(0, -1)) as T)
    })
    socket.on('error', () => finish(null))
    socket.on('close', () => finish(null))
  })
}
