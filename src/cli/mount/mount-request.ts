/**
 * From arguments that were read, in whatever form, to a plan: options parsed, paths made absolute, and what has to be
 * said about it. Nothing is told or begun here, and little is loaded: the command and the launched background process
 * both come this way.
 */

import { StratafsError } from '../../base/failure.js'
import type { MountPlan, MountSettings } from '../../daemon/options/mount-settings.js'
import { type OptionContext, parseOptions } from '../../daemon/options/parse.js'
import { escapePath, splitOptions } from '../../daemon/options/split.js'
import { splitNamed } from '../terminal/named-layer.js'
import type { MountProgramCall } from './mount-program.js'

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
  /** Say as JSON what was mounted, once it is. */
  readonly json?: boolean
}

/** What `stratafs mount` was given, latin1. */
export interface MountArguments {
  readonly merged: string
  readonly lowers: readonly string[]
  readonly upper: string | undefined
  readonly work: string | undefined
  readonly options: readonly string[]
  readonly foreground: boolean
  readonly trace: boolean
  readonly logFile: string | undefined
  readonly log?: string | undefined
  readonly transport: string | undefined
  readonly acceptLimits: boolean
  readonly json?: boolean
}

export interface Prepared {
  readonly plan: MountPlan
  readonly warnings: readonly string[]
  /** To be served by the process that was called. */
  readonly here: boolean
}

/** `stratafs mount`: layers as arguments of their own or among the options; unknown options are refused. */
export function commandRequest(given: MountArguments, cwd: string): MountRequest {
  const named = given.lowers.map(splitNamed)
  const context: OptionContext = {
    strict: true,
    cwd,
    lowers: named.map(({ path }) => path),
    ...(named.some(({ name }) => name !== '') ? { layerNames: named.map(({ name }) => name) } : {}),
    ...(given.upper === undefined ? {} : { upper: given.upper }),
    ...(given.work === undefined ? {} : { work: given.work }),
  }
  const options = [...given.options]
  if (given.log !== undefined) options.push(`log=${given.log}`)
  // A file may have the journal's name.
  if (given.logFile !== undefined) options.push(`log=${escapePath(given.logFile.replace(/^journal$/, './$&'))}`)
  if (given.transport !== undefined) options.push(`transport=${given.transport}`)
  if (given.acceptLimits) options.push('accept_limits')
  const { merged: mountpoint, foreground, trace } = given
  const request = { options, context, mountpoint, foreground, trace, pretend: false }
  return given.json === true ? { ...request, json: true } : request
}

/** The mount-program form: runtimes pass options that nobody needs. */
export function programRequest(form: MountProgramCall, cwd: string): MountRequest {
  const context = { strict: false, cwd, ...(form.source === undefined ? {} : { source: form.source }) }
  return { ...form, context }
}

/** Whether the option strings ask for a remount. */
export function isRemount(texts: readonly string[]): boolean {
  return texts.some((text) => splitOptions(text).some(({ name, value }) => name === 'remount' && value === null))
}

/** What `request` comes to, or why its options are refused. */
export function prepareMount(request: MountRequest): Prepared | StratafsError {
  const parsed = parseOptions(request.options, request.context)
  if (parsed instanceof StratafsError) return parsed
  const { config, options } = parsed
  const settings = { ...parsed.settings, trace: parsed.settings.trace || request.trace }
  const { cwd } = request.context
  const mountpoint = request.mountpoint.startsWith('/') ? request.mountpoint : `${cwd}/${request.mountpoint}`
  const again = request.context.strict ? {} : { mayStand: true as const }
  const plan: MountPlan = { config, settings, options, mountpoint, ...again }
  const warnings = [...parsed.warnings, ...withoutRoot(settings)]
  return { plan, warnings, here: request.foreground || settings.trace }
}

/**
 * Between "only the mounting user" and "everybody" the kernel has nothing, so for others than root allow_root is the
 * former.
 */
function withoutRoot(settings: MountSettings): string[] {
  const heard = !settings.allowRoot || settings.allowOther === true || process.getuid?.() === 0
  return heard ? [] : ['option allow_root is ignored: only you can enter the mount; allow_other lets everybody in']
}
