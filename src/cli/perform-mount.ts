/**
 * What `stratafs mount` and the mount-program form have in common once their arguments are read: options parsed, warnings
 * told, and the mount made in the background or served here. Everything heavy is loaded only on the way that needs it,
 * because a runtime waits for this command each time it starts a container.
 */
import { mountInBackground } from '../daemon/background.js'
import { type OptionContext, parseOptions } from '../daemon/options.js'
import type { MountPlan, MountSettings } from '../daemon/settings.js'
import { complain, Exit } from './complain.js'

export interface MountRequest {
  /** Option strings in their order, latin1. */
  readonly options: readonly string[]
  readonly context: OptionContext
  /** As given, latin1. */
  readonly mountpoint: string
  readonly foreground: boolean
  readonly trace: boolean
  /** Check the options and do nothing. */
  readonly pretend: boolean
}

/** Mounts; the exit code. */
export async function performMount(request: MountRequest): Promise<number> {
  const parsed = parseOptions(request.options, request.context)
  if ('error' in parsed) {
    complain(parsed.error)
    return request.context.strict ? Exit.USAGE : Exit.FAILED
  }
  const warnings = [...parsed.warnings, ...withoutRoot(parsed.settings)]
  const here = request.foreground || request.trace || parsed.settings.trace
  // In the foreground they stand in the log.
  if (!here) for (const warning of warnings) complain(warning)
  if (request.pretend) return Exit.DONE
  const { config, options } = parsed
  const settings = { ...parsed.settings, trace: parsed.settings.trace || request.trace }
  const { cwd } = request.context
  const mountpoint = request.mountpoint.startsWith('/') ? request.mountpoint : `${cwd}/${request.mountpoint}`
  const plan: MountPlan = { config, settings, options, mountpoint }
  return here ? inForeground(plan, warnings) : inBackground(plan, warnings)
}

/** Between "only the mounting user" and "everybody" the kernel has nothing, so for others than root allow_root is the former. */
function withoutRoot(settings: MountSettings): string[] {
  const heard = !settings.allowRoot || settings.allowOther === true || process.getuid?.() === 0
  return heard ? [] : ['option allow_root is ignored: only you can enter the mount; allow_other lets everybody in']
}

async function inBackground(plan: MountPlan, warnings: readonly string[]): Promise<number> {
  const report = await mountInBackground(plan, warnings)
  if (!('error' in report)) return Exit.DONE
  complain(report.error)
  return Exit.FAILED
}

async function inForeground(plan: MountPlan, warnings: readonly string[]): Promise<number> {
  const { mountInForeground } = await import('../daemon/foreground.js')
  return mountInForeground(plan, warnings, complain)
}
