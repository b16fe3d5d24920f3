/**
 * Workloads of small operations by one process and by several: what a mount adds to each is not hidden by other work,
 * and how it goes with more callers shows. The work is the same for any number of processes, which share it.
 */
import type { Measure, Step, Workload } from './workload.js'

const PROCESSES = [1, 2, 4, 8]

interface Kind {
  readonly id: string
  /** What is done, and how often in all. */
  readonly title: string
  readonly times: number
  /** perl; `$p`: a directory of the process's own, made before; `$n`: how often; `$t`: of how many processes. */
  readonly work: string
}

const KINDS: readonly Kind[] = [
  {
    id: 'cycles',
    title: 'a file created, written and removed',
    times: 16_000,
    work: 'for (1..$n) { open F, ">", "$p/f" or die; print F "x"; close F; unlink "$p/f" or die }',
  },
  {
    id: 'absent',
    title: 'stat of a name that is absent',
    times: 160_000,
    work: 'for (1..$n) { die if -e "$p/none.$t.$_" }',
  },
  {
    id: 'reads',
    title: 'a file of 64 KiB opened, read and closed',
    times: 32_000,
    work: 'for (1..$n) { open F, "<", "$p/file" or die; sysread(F, $b, 65536) == 65536 or die; close F }',
  },
]

function step({ id, title, times, work }: Kind, processes: number): Step {
  const by = processes === 1 ? 'one process' : `${processes} processes`
  const named = `${title}, ${times.toLocaleString('en')} times by ${by}, on disk`
  const measure: Measure = { id: `${id}-${processes}`, title: named, unit: 's' }
  const script = `my ($p, $n, $t) = @ARGV; ${work}`
  const each = `perl -e '${script}' "$M/own"{} ${times / processes} ${processes}`
  return { measure, run: `seq ${processes} | xargs -P ${processes} -I{} ${each}` }
}

const prepare: Step = {
  run: 'for i in $(seq 8); do mkdir "$M/own$i"; head -c 65536 /dev/urandom > "$M/own$i/file"; done',
}

/** One mount for each kind. */
export const manyProcesses: readonly Workload[] = KINDS.map((kind) => ({
  lowers: ({ empty }) => [empty],
  medium: 'disk',
  steps: [prepare, ...PROCESSES.map((processes) => step(kind, processes))],
}))
