/**
 * The mount-program form: how container runtimes, mount(8) and fstab call a FUSE filesystem. It mirrors what
 * fuse-overlayfs's command line takes: `[-f] [-d] [-o OPTS]… [SRC] DIR`, options before or after, attached or not.
 * Called as `mount.…` it is mount(8)'s helper, where -f means "only pretend" and -t, -N and a few flags are passed
 * along. Pure, so that every form is a row in a test; yargs is not loaded on this way.
 */
import { shown } from '../../base/text.js'

export interface MountProgramCall {
  readonly kind: 'mount'
  readonly options: readonly string[]
  /** mount(8)'s first argument; undefined in the short form. */
  readonly source: string | undefined
  readonly mountpoint: string
  readonly foreground: boolean
  readonly trace: boolean
  /** mount(8)'s -f: check the arguments and do nothing. */
  readonly pretend: boolean
  readonly warnings: readonly string[]
}

type MountProgramForm = MountProgramCall | { kind: 'version' } | { kind: 'help' } | { kind: 'error'; error: string }

/** Commands of the other form; a first word that is one of them is never a source. */
const OWNER_COMMANDS = ['which', 'ls', 'du', 'index']
export const COMMANDS = [
  'mount',
  'unmount',
  'umount',
  'list',
  'ps',
  'inspect',
  ...OWNER_COMMANDS,
  'stats',
  'health',
  'host',
  'limit',
  'log',
  'diff',
  'snapshot',
  'branch',
  'commit',
  'apply',
  'image',
  'store',
  'explore',
  'bundle',
  'layer',
  'snapshotter',
  'completion',
  'help',
]

/** True when `args`, given to a program called `name`, are in the mount-program form. */
export function isMountProgramForm(name: string, args: readonly string[]): boolean {
  if (isMountHelper(name) || name.startsWith('fuse-overlayfs')) return true
  const first = args[0]
  if (first === undefined || COMMANDS.includes(first) || first.startsWith('--')) return false
  if (first === '-h' || first === '-V') return args.length > 1
  return first.startsWith('-') || first.includes('/') || args.some((arg) => arg.startsWith('-o'))
}

/** True for the name under which mount(8) finds the program. */
function isMountHelper(name: string): boolean {
  return name.startsWith('mount.')
}

interface Scan {
  options: string[]
  places: string[]
  warnings: string[]
  flags: Set<string>
}

/** Reads the arguments. `name` is the program's own name. */
export function parseMountProgram(name: string, args: readonly string[]): MountProgramForm {
  const scan: Scan = { options: [], places: [], warnings: [], flags: new Set() }
  const rest = [...args]
  while (rest.length > 0) {
    const error = scanOne(scan, rest.shift() as string, rest, isMountHelper(name))
    if (error !== undefined) return { kind: 'error', error }
  }
  if (scan.flags.has('help')) return { kind: 'help' }
  if (scan.flags.has('version')) return { kind: 'version' }
  return finish(scan, isMountHelper(name))
}

const FLAG_WORDS = new Map([
  ['-f', 'foreground'],
  ['-d', 'debug'],
  ['--debug', 'debug'],
  ['-h', 'help'],
  ['--help', 'help'],
  ['-V', 'version'],
  ['--version', 'version'],
])

/** mount(8) passes these on to every helper; only the ones with a value need care. */
const HELPER_FLAGS = ['-n', '-s', '-v', '-w', '-i']

/** One argument, with its value taken from `rest`. The words of an error when it is incomplete. */
function scanOne(scan: Scan, arg: string, rest: string[], helper: boolean): string | undefined {
  if (arg === '-o' || (helper && (arg === '-t' || arg === '-N'))) {
    const value = rest.shift()
    if (value === undefined) return `${arg} needs a value after it`
    if (arg === '-o') scan.options.push(value)
  } else if (arg.startsWith('-o')) scan.options.push(arg.slice(2))
  else if (arg === '--') scan.places.push(...rest.splice(0))
  else if (FLAG_WORDS.has(arg)) scan.flags.add(FLAG_WORDS.get(arg)!)
  else if (helper && arg === '-r') scan.options.push('ro')
  else if (helper && HELPER_FLAGS.includes(arg)) return undefined
  else if (arg === '-s') return undefined
  else if (arg.startsWith('-') && arg !== '-') scan.warnings.push(`unknown argument ${shown(arg)}; ignored`)
  else scan.places.push(arg)
  return undefined
}

function finish({ options, places, warnings, flags }: Scan, helper: boolean): MountProgramForm {
  const mountpoint = places.at(-1)
  if (mountpoint === undefined) return { kind: 'error', error: 'no mountpoint: name the directory to mount on, last' }
  if (places.length > 2)
    return { kind: 'error', error: `more than one mountpoint: ${shown(places.slice(1).join(' '))}` }
  const source = places.length === 2 ? places[0] : undefined
  const trace = flags.has('debug')
  const foreground = trace || (flags.has('foreground') && !helper)
  const pretend = flags.has('foreground') && helper
  return { kind: 'mount', options, source, mountpoint, foreground, trace, pretend, warnings }
}
