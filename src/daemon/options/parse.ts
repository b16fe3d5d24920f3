/**
 * The one parser of mount options: words in, a checked configuration out. It knows what words can tell; what only the
 * disk can tell is asked by checks.ts. A strict caller (`stratafs mount`) is refused on an unknown name, with the
 * nearest known one; a lenient one (the mount-program form) gets a warning, because runtimes pass options that nobody
 * needs. A wrong value of a known option is refused for both. Pure.
 */

import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { UnionConfig } from '../../union/context/config.js'
import { type Draft, emptyDraft } from './draft.js'
import { MountFlag, type MountSettings } from './mount-settings.js'
import { nearest } from './nearest.js'
import { type OptionItem, splitOptions } from './split.js'
import { isForeign, optionTable } from './table.js'

/** As many layers as kernel overlayfs takes. */
const MAX_LOWERS = 500

/** What a caller knows beside the option strings. All paths latin1; relative ones are taken from `cwd`. */
export interface OptionContext {
  readonly strict: boolean
  readonly cwd: string
  /** Layers given as arguments of their own: unescaped, and before those of `lowerdir`. */
  readonly lowers?: readonly string[]
  /** What those are called, `''` where they have no name. */
  readonly layerNames?: readonly string[]
  readonly upper?: string
  readonly work?: string
  /** Shown as the source where no `fsname` is given. */
  readonly source?: string
}

export interface ParsedOptions {
  readonly config: UnionConfig
  readonly settings: MountSettings
  /** What was ignored, in words for a reader, like every error here. */
  readonly warnings: readonly string[]
  /** The words that were given, in their order. */
  readonly options: readonly string[]
}

/** Reads the option strings in their order, the last of a repeated option winning. */
export function parseOptions(texts: readonly string[], context: OptionContext): ParsedOptions | StratafsError {
  const draft = emptyDraft()
  const items = texts.flatMap(splitOptions)
  for (const item of items) {
    const refusal = applyItem(draft, item, context.strict)
    if (refusal !== undefined) return refusal
  }
  addArguments(draft, context)
  const refusal = settle(draft, context)
  if (refusal !== undefined) return refusal
  const options = items.map(({ name, value }) => (value === null ? name : `${name}=${value}`))
  return { config: draft.config, settings: draft.settings, warnings: draft.warnings, options }
}

/** Undefined, or why the item is refused. */
function applyItem(draft: Draft, item: OptionItem, strict: boolean): StratafsError | undefined {
  const { name, value } = item
  if (isForeign(name)) return undefined
  const row = optionTable.get(name)
  if (row === undefined) return strict ? unknown(name) : warn(draft, unknown(name))
  const wrongUse = misused(row.takes, name, value)
  if (wrongUse !== undefined) return strict ? wrongUse : warn(draft, wrongUse)
  draft.named.add(name)
  const expected = row.apply(draft, value ?? '')
  return expected === undefined ? undefined : refused(`option ${printed(item)} ${expected}`)
}

function refused(fault: string, remedy: string | null = null): StratafsError {
  return new StratafsError(fault, 'INVALID_ARGUMENT', remedy)
}

function warn(draft: Draft, { message }: StratafsError): undefined {
  draft.warnings.push(`${message}; ignored`)
  return undefined
}

function unknown(name: string): StratafsError {
  const near = nearest(name, optionTable.keys())
  return refused(`unknown option ${shown(name)}`, near === null ? null : `did you mean ${near}?`)
}

function misused(takes: 'nothing' | 'value' | 'either', name: string, value: string | null): StratafsError | undefined {
  if (takes === 'nothing' && value !== null)
    return refused(`option ${shown(name)} takes no value (given: ${shown(value)})`)
  if (takes === 'value' && value === null) return refused(`option ${name} needs a value`, `${name}=…`)
  return undefined
}

function printed({ name, value }: OptionItem): string {
  return shown(value === null ? name : `${name}=${value}`)
}

/** Layers that came as arguments of their own. */
function addArguments({ config, settings, named }: Draft, context: OptionContext): void {
  if (context.lowers !== undefined) config.lowers = [...context.lowers, ...config.lowers]
  if (context.layerNames !== undefined) config.layerNames = context.layerNames
  config.upper = context.upper ?? config.upper
  config.work = context.work ?? config.work
  if (context.source !== undefined && !named.has('fsname')) settings.fsname = context.source
}

/** What holds between options; makes paths absolute. Undefined, or why they are refused. */
function settle(draft: Draft, context: OptionContext): StratafsError | undefined {
  const refusal = settleLowers(draft, context) ?? settleUpper(draft, context) ?? settleMetacopy(draft)
  if (refusal !== undefined) return refusal
  const { config, settings } = draft
  config.nosuid = (settings.flags & MountFlag.NOSUID) !== 0
  config.userRedirects = asksForRedirects(draft) ? 'on' : 'off'
  config.readonly ||= config.upper === null
  if (config.readonly) settings.flags |= MountFlag.RDONLY
  if (settings.logFile !== null) settings.logFile = absolute(settings.logFile, context.cwd)
  return undefined
}

function settleLowers({ config }: Draft, { strict, cwd }: OptionContext): StratafsError | undefined {
  const given = config.lowers.filter((lower) => lower !== '')
  if (given.length === 0) return refused('no lower directory', 'give at least one, as --lower DIR or -o lowerdir=DIR')
  if (strict && given.length < config.lowers.length)
    return refused(
      'option lowerdir has an empty path in it',
      'write one colon between two paths, two before a data-only layer, and `\\:` for a colon in a path',
    )
  const count = given.length + config.dataLowers.length
  if (count > MAX_LOWERS)
    return refused(`option lowerdir names ${count} directories; at most ${MAX_LOWERS} can be merged`)
  config.lowers = given.map((lower) => absolute(lower, cwd))
  config.dataLowers = config.dataLowers.map((lower) => absolute(lower, cwd))
  return undefined
}

function settleUpper(draft: Draft, { strict, cwd }: OptionContext): StratafsError | undefined {
  const { config, settings } = draft
  if (config.upper === null) return dropWork(draft, strict)
  config.upper = absolute(config.upper, cwd)
  if (config.readonly) return lowerUpper(draft)
  if (config.work === null) {
    if (!strict)
      return refused(`option upperdir=${shown(config.upper)} needs a workdir on the same filesystem`, 'add workdir=DIR')
    config.work = siblingWork(config.upper)
    settings.makeWork = true
  }
  config.work = absolute(config.work, cwd)
  return undefined
}

/** Without an upper directory there is nothing to work for. */
function dropWork(draft: Draft, strict: boolean): StratafsError | undefined {
  const { config } = draft
  if (config.work === null) return undefined
  const name = `option workdir=${shown(config.work)}`
  const refusal = refused(`${name} needs an upperdir`, 'give one, or leave both away for a read-only mount')
  if (strict) return refusal
  config.work = null
  return warn(draft, refusal)
}

/** A mount that writes nothing reads its upper directory as one more lower, on top, and leaves the workdir alone. */
function lowerUpper({ config }: Draft): undefined {
  config.lowers = [config.upper as string, ...config.lowers]
  config.upper = null
  config.work = null
}

/**
 * Metacopy files are found by redirects, so the one needs the other; to read them, following is enough. As
 * ovl_fs_params_verify().
 */
function settleMetacopy({ config, named }: Draft): StratafsError | undefined {
  if (!config.metacopy || config.redirectDir === 'on') return undefined
  const readonly = config.readonly || config.upper === null
  if (readonly && config.redirectDir === 'follow') return undefined
  if (named.has('redirect_dir'))
    return refused(`option metacopy=on needs redirect_dir=on (given: ${config.redirectDir})`)
  config.redirectDir = 'on'
  return undefined
}

/** Redirects or metacopies were asked for by name. */
function asksForRedirects({ config, named }: Draft): boolean {
  const follows = config.redirectDir === 'on' || config.redirectDir === 'follow'
  return follows && (named.has('redirect_dir') || config.metacopy)
}

/** Where the workdir of `upper` is when none is named: `.NAME.work` beside it, so on the same filesystem as a rule. */
function siblingWork(upper: string): string {
  const trimmed = upper.replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  return `${trimmed.slice(0, slash)}/.${trimmed.slice(slash + 1)}.work`
}

/** `..` is left for the kernel to resolve: it may follow a symbolic link. */
function absolute(path: string, cwd: string): string {
  return path.startsWith('/') ? path : `${cwd === '/' ? '' : cwd}/${path}`
}
