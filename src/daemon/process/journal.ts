/**
 * systemd's journal as a mount's log: by its own protocol, where each fact is a field that journalctl can ask for
 * (`journalctl STRATAFS_MOUNTPOINT=/mnt/merged`). A journal that cannot be reached is no reason to end a mount.
 */
import { existsSync, fstatSync, writeSync } from 'node:fs'
import { readableLine } from '../../base/log.js'
import { shown } from '../../base/text.js'
import { native } from '../../syscalls/native.js'

const SOCKET = '/run/systemd/journal/socket'

/** As syslog(3) numbers them. */
const PRIORITIES: Record<string, number> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3 }

/** The kernel refuses larger datagrams; sd_journal_send(3) would hand a file over then. */
const LONGEST_FIELD = 32_768

/** Whether standard error goes to the journal: systemd names the device and inode of the stream that it gave us. */
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

/** Why there is no journal to log to; null where there is. */
export function journalObstacle(): string | null {
  return existsSync(SOCKET) ? null : `there is no ${SOCKET}: is systemd-journald running?`
}

/** Takes the records, a line of JSON each, of the mount on `mountpoint` (latin1). */
export function journalWriter(mountpoint: string): (line: string) => void {
  const common = { SYSLOG_IDENTIFIER: 'stratafs', STRATAFS_MOUNTPOINT: shown(mountpoint) }
  return (line) => {
    const sent = native.notify(SOCKET, journalEntry(line, common).toString('latin1'))
    // systemd reads this too, where it started us.
    if (sent < 0 && stderrIsJournal()) writeSync(2, line)
  }
}

/** One record as the journal's native protocol has it. `common` are fields of every record. */
export function journalEntry(line: string, common: Readonly<Record<string, string>>): Buffer {
  const { level, msg, time: _time, pid: _pid, ...facts } = JSON.parse(line) as Record<string, unknown>
  const fields: [string, string][] = [
    ['MESSAGE', readableLine(line).slice('12:00:00.000 level '.length).trim()],
    ['PRIORITY', String(PRIORITIES[String(level)] ?? 6)],
    ...Object.entries(common),
    ['STRATAFS_EVENT', String(msg)],
    ...Object.entries(facts).map(([name, value]): [string, string] => [
      fieldName(name),
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ]
  return Buffer.concat([...new Map(fields)].map(([name, value]) => journalField(name, value)))
}

/** `copyUps` as `STRATAFS_COPY_UPS`: the journal takes capitals, digits and underscores, 64 at most. */
function fieldName(name: string): string {
  const words = name.replace(/[a-z0-9](?=[A-Z])/g, '$&_').replace(/[^A-Za-z0-9]/g, '_')
  return `STRATAFS_${words.toUpperCase()}`.slice(0, 64)
}

/** `NAME=value`, or, where the value has lines, the name, the length in eight bytes, and the value. */
function journalField(name: string, value: string): Buffer {
  const bytes = Buffer.from(value).subarray(0, LONGEST_FIELD)
  if (!bytes.includes(0x0a)) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from('\n')])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')])
}
