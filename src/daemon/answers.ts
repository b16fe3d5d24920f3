/**
 * Whether a mount answers: asked through the kernel like any program would, from a thread that does not serve it (Node's
 * pool), and given up after a while, because a mount whose engine hangs never says no.
 */
import { statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathBytes } from '../base/text.js'

/** Null when the mount on `mountpoint` answers within `milliseconds`, else why it does not. */
export async function mountAnswers(mountpoint: string, milliseconds: number): Promise<string | null> {
  const giveUp = new AbortController()
  const asked = statfs(pathBytes(mountpoint)).then(
    () => null,
    (error: NodeJS.ErrnoException) => `the mount does not answer (${error.code ?? error.message})`,
  )
  const late = sleep(milliseconds, `the mount did not answer within ${milliseconds / 1000} s`, {
    signal: giveUp.signal,
  })
  const result = await Promise.race([asked, late])
  giveUp.abort()
  late.catch(() => {})
  return result
}
