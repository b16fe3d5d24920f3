/** Whether what this process says goes to systemd's journal, which then is the right place for a mount's log. */
import { fstatSync } from 'node:fs'

/** systemd names the device and inode of the stream it gave us. */
export function stderrIsJournal(): boolean {
  const named = process.env.JOURNAL_STREAM
  if (!named) return false
  try {
    const { dev, ino } = fstatSync(2)
    return named === `${dev}:${ino}`
  } catch {
    return false
  }
}
