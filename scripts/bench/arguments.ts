/** The benchmark's command line. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Arguments {
  readonly rounds: number
  readonly only: readonly string[]
  readonly sides: readonly string[]
  readonly peers: readonly { readonly name: string; readonly command: string }[]
  readonly rootfs: string | null
  readonly folder: string
  readonly quick: boolean
  readonly json: boolean
  readonly page: boolean
  readonly list: boolean
}

export const HELP = `usage: npm run bench -- [OPTION…]

Mounts kernel overlayfs, fuse-overlayfs and stratafs over the same layers, runs each workload on one after the other, and
prints medians and multiples of kernel overlayfs's. Needs root. Nothing is left behind but what --folder keeps.

  --only WORD[,WORD…]   only measures whose names contain one of these (--list names them)
  --side WORD[,WORD…]   only these sides: overlayfs, fuse-overlayfs, stratafs, "stratafs awake=0", "stratafs cached", "stratafs hybrid",
                        "stratafs image", "stratafs as user", "stratafs fuse-native"; only where named: "stratafs passthrough recover",
                        "stratafs cached recover", "stratafs cached limit"
  --peer NAME=COMMAND   one more program with fuse-overlayfs's command line; repeat it
  --rounds N            rounds of each workload [3]
  --quick               one round, smaller files, fewer layers: to see that it works
  --rootfs DIR          a root filesystem to work on, in place of one made by mmdebstrap
  --folder DIR          where material is kept and runs take place, on a disk [$XDG_CACHE_HOME/stratafs-bench]
  --json                print the results as JSON
  --page                write docs/benchmarks.md, its plot and its data
  --list                name the measures

examples: npm run bench -- --only rm-,untar --rounds 5
          npm run bench -- --peer fo2=/opt/fuse-overlayfs-2 --page`

const OPTIONS = {
  only: { type: 'string', multiple: true },
  side: { type: 'string', multiple: true },
  peer: { type: 'string', multiple: true },
  rounds: { type: 'string' },
  quick: { type: 'boolean' },
  rootfs: { type: 'string' },
  folder: { type: 'string' },
  json: { type: 'boolean' },
  page: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What was asked for; null for help; an error in words. */
export function readArguments(args: readonly string[]): Arguments | null | { readonly error: string } {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true })
    if (values.help === true) return null
    return complete(values)
  } catch (error) {
    return { error: (error as Error).message }
  }
}

function complete(values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']): Arguments {
  const quick = values.quick === true
  return {
    rounds: values.rounds === undefined ? (quick ? 1 : 3) : roundsOf(values.rounds),
    only: words(values.only),
    sides: words(values.side),
    peers: (values.peer ?? []).map(peerOf),
    rootfs: values.rootfs === undefined ? null : resolve(values.rootfs),
    folder: resolve(values.folder ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'stratafs-bench')),
    quick,
    json: values.json === true,
    page: values.page === true,
    list: values.list === true,
  }
}

const words = (given: readonly string[] | undefined): string[] => (given ?? []).flatMap((one) => one.split(','))

function roundsOf(text: string): number {
  const rounds = Number(text)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${text}: a number of rounds, 1 or more`)
  return rounds
}

function peerOf(text: string): { name: string; command: string } {
  const [, name, command] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || command === undefined) throw new Error(`--peer ${text}: write NAME=COMMAND`)
  return { name, command }
}
