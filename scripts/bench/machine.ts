/** On what the figures were seen: for whoever compares them with others. */
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { idleFacts } from '../../src/daemon/engine/cpu-latency.js'
import { run } from './processes.js'

/** Facts in words. `folder` is where the layers lie on disk. */
export async function machine(folder: string): Promise<Record<string, string>> {
  const enabled = (name: string) => read(`/sys/module/fuse/parameters/${name}`) ?? 'absent'
  return {
    kernel: release(),
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    disk: await said('findmnt -no FSTYPE,OPTIONS -T "$1" >&3', folder),
    'FUSE over io_uring': enabled('enable_uring'),
    'idle CPUs': idle(),
    node: process.version,
    'fuse-overlayfs': await said('fuse-overlayfs --version 2>/dev/null | grep ^fuse-overlayfs >&3', ''),
    date: new Date().toISOString().slice(0, 10),
  }
}

/**
 * Waking a processor that has gone to sleep is the larger part of a FUSE request: whether a guest's stay awake for a
 * moment.
 */
function idle(): string {
  const governor = read('/sys/devices/system/cpu/cpuidle/current_governor') ?? 'no governor'
  const { polledNs } = idleFacts()
  return polledNs === null ? governor : `${governor}, guest_halt_poll_ns=${polledNs} (the kernel's default is 200000)`
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

async function said(script: string, argument: string): Promise<string> {
  const { answer } = await run(['bash', '-c', script, 'bash', argument])
  return answer.trim() || 'not known'
}
