/**
 * Whether a mount answers. It is asked through the kernel, like any program would, from a thread that does not serve it
 * (Node's pool). There is a time limit, because a mount whose engine hangs never says no.
 */
import { statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathBytes } from '../../base/text.js'

/** Null when the mount on `mountpoint` answers within `milliseconds`, else why it does not. */
export async function mountAnswers(mountpoint: string, milliseconds: number): Promise<string | null> {
  const answer = await ask(mountpoint, milliseconds)
  if (answer === null) return null
  if (answer === 'late') return `the mount did not answer within ${milliseconds / 1000} s`
  return `the mount does not answer (${answer.code ?? answer.message})`
}

/** Whether what is mounted on `mountpoint` is a FUSE filesystem that nobody serves any more. */
export async function isDead(mountpoint: string, milliseconds: number): Promise<boolean> {
  const answer = await ask(mountpoint, milliseconds)
  return answer !== null && answer !== 'late' && answer.code === 'ENOTCONN'
}

/** Null when it answers, else its error, or that it did not say anything in time. */
async function ask(mountpoint: string, milliseconds: number): Promise<null | 'late' | NodeJS.ErrnoException> {
  const giveUp = new AbortController()
  const asked = statfs(pathBytes(mountpoint)).then(
    () => null,
    (error: NodeJS.ErrnoException) => error,
  )
  const late = sleep(milliseconds, 'late' as const, { signal: giveUp.signal })
  const result = await Promise.race([asked, late])
  giveUp.abort()
  late.catch(() => {})
  return result
}
