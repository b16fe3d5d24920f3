/** Which sides a run has: those asked for, as far as they can be had here; and in words what cannot. */
import { spawnSync } from 'node:child_process'
import { chooseAwake, idleFacts } from '../../src/daemon/engine/cpu-latency.js'
import type { Arguments } from './arguments.js'
import { Namespace } from './namespace.js'
import { inPath } from './processes.js'
import { hasDataMode, kernelOverlayfs, ownCommand, program, type Side } from './sides.js'

interface Contenders {
  readonly sides: readonly Side[]
  readonly missing: readonly string[]
}

type Maybe = Side | string

/** The sides in the order of their columns. */
export async function contenders(args: Arguments): Promise<Contenders> {
  const peers = args.peers.map(({ name, command }) => program(name, command.split(' '), `\`${command}\``))
  const all: Maybe[] = [kernelOverlayfs(), debians(), ...peers, ...(await ours())]
  const usual = ({ name }: Side) => !name.endsWith(' recover') && !name.endsWith(' limit')
  const named = (side: Side) => (args.sides.length === 0 ? usual(side) : args.sides.includes(side.name))
  const wanted = (side: Maybe) => typeof side === 'string' || named(side)
  return {
    sides: all.filter((side): side is Side => typeof side !== 'string' && wanted(side)),
    missing: all.filter((side): side is string => typeof side === 'string'),
  }
}

function debians(): Maybe {
  if (!inPath('fuse-overlayfs')) return 'fuse-overlayfs is not installed (apt-get install fuse-overlayfs)'
  return program('fuse-overlayfs', ['fuse-overlayfs'], "the distribution's fuse-overlayfs, as root")
}

async function ours(): Promise<Maybe[]> {
  const own = counted(program('stratafs', ownCommand(), 'as root, as it mounts by default'))
  const cached: Maybe = (await hasDataMode('cached'))
    ? counted(program('stratafs cached', ownCommand(), 'as root, with `-o data=cached`', ',data=cached'))
    : 'stratafs cached: this build has no data=cached'
  const limited: Maybe =
    typeof cached === 'string'
      ? 'stratafs cached limit: this build has no data=cached'
      : counted(
          program(
            'stratafs cached limit',
            ownCommand(),
            'as root, with `-o data=cached,size=1t`',
            ',data=cached,size=1t',
          ),
        )
  const about = 'as root, with `-o engine=hybrid`: kernel overlayfs above the lower layers as stratafs shows them'
  const hybrid = counted(program('stratafs hybrid', ownCommand(), about, ',engine=hybrid'))
  const standing = 'as root, with `-o engine=hybrid,index=immutable`: as before, on a metadata image where there is one'
  const image = program('stratafs image', ownCommand(), standing, ',engine=hybrid,index=immutable')
  return [own, asleep(), cached, limited, ...kept(), hybrid, image, await asUser(), overFuseNative()]
}

const counted = (side: Side): Side => ({ ...side, counting: ownCommand() })

/** What outliving the serving process costs: in a run that asks for them by name (`--side`). */
function kept(): Side[] {
  const side = (data: string) => {
    const about = `as root, with \`-o data=${data},recover=on\``
    return program(`stratafs ${data} recover`, ownCommand(), about, `,data=${data},recover=on`)
  }
  return [side('passthrough'), side('cached')]
}

/** Where idle processors are kept from halting by default: what that is worth. */
function asleep(): Maybe {
  const { holds, why } = chooseAwake('auto', idleFacts())
  if (!holds) return `stratafs awake=0: no other than stratafs here (${why})`
  return program('stratafs awake=0', ownCommand(), 'as root, with `-o awake=0`: idle processors may halt', ',awake=0')
}

/** The second transport, for hosts without a compiler. */
function overFuseNative(): Maybe {
  const fault = fuseNativeFault()
  if (fault !== null) return `stratafs fuse-native: the package cannot be loaded (${fault})`
  const about = 'as root, over the package fuse-native (`--transport fuse-native`)'
  return program('stratafs fuse-native', ownCommand(), about, ',transport=fuse-native,accept_limits')
}

/** Looked for by another process: what is loaded here stays until the end. */
function fuseNativeFault(): string | null {
  const place = new URL('../../src/transport/fuse-native/package.js', import.meta.url).href
  const program = `import { loadFuseNative } from ${JSON.stringify(place)}; const it = loadFuseNative()
    if (typeof it === 'string') process.stdout.write(it); process.exit(typeof it === 'string' ? 1 : 0)`
  const asked = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  return asked.status === 0 ? null : asked.stdout || 'it ended by itself'
}

async function asUser(): Promise<Maybe> {
  const about = 'in a user namespace, where nobody has power over the machine: what rootless containers get'
  try {
    return counted(program('stratafs as user', ownCommand(), about, '', await Namespace.make()))
  } catch (error) {
    return `stratafs as user: no user namespace can be made here (${(error as Error).message})`
  }
}
