/**
 * Instructions that change what a container of an image runs, as `docker commit --change` and `docker import --change`
 * take them: one line of a Dockerfile each, for the fields of OCI's image configuration (config.md). Pure.
 */
import { StratafsError } from '../../base/failure.js'
import type { ImageConfig } from './types.js'

/** The object `config` within an image's configuration. */
type Run = Readonly<Record<string, unknown>>

/** What follows an instruction's word: the next state, or what is wrong with it. */
type Change = (run: Run, text: string) => Run | string

const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (run, text) => ({ ...run, Cmd: commandOf(text) }),
  // A command that was meant for another entry point is not kept (as in a Dockerfile).
  ENTRYPOINT: ({ Cmd: _, ...run }, text) => ({ ...run, Entrypoint: commandOf(text) }),
  ENV: (run, text) => withPairs(text, (pairs) => ({ ...run, Env: joined(run.Env, pairs) })),
  LABEL: (run, text) =>
    withPairs(text, (pairs) => ({ ...run, Labels: { ...object(run.Labels), ...Object.fromEntries(pairs) } })),
  EXPOSE: (run, text) => {
    const ports = wordsOf(text) ?? []
    const wrong = ports.find((port) => !/^\d{1,5}(\/(tcp|udp|sctp))?$/.test(port))
    if (wrong !== undefined || ports.length === 0) return 'give ports such as 80 or 53/udp'
    const named = ports.map((port) => [port.includes('/') ? port : `${port}/tcp`, {}])
    return { ...run, ExposedPorts: { ...object(run.ExposedPorts), ...Object.fromEntries(named) } }
  },
  VOLUME: (run, text) => {
    const paths = listOf(text) ?? wordsOf(text) ?? []
    if (paths.length === 0 || paths.some((path) => !path.startsWith('/'))) return 'give absolute paths'
    return { ...run, Volumes: { ...object(run.Volumes), ...Object.fromEntries(paths.map((path) => [path, {}])) } }
  },
  USER: (run, text) => (/\s/.test(text) ? 'give one user, and maybe its group, as USER:GROUP' : { ...run, User: text }),
  WORKDIR: (run, text) => (text.startsWith('/') ? { ...run, WorkingDir: text } : 'give an absolute path'),
  STOPSIGNAL: (run, text) =>
    /^(SIG[A-Z0-9+-]+|\d+)$/.test(text) ? { ...run, StopSignal: text } : 'give a signal such as SIGTERM',
}

/** `config` after `changes`, in their order. Throws StratafsError, which names the one that cannot be. */
export function changed(config: ImageConfig, changes: readonly string[]): ImageConfig {
  if (changes.length === 0) return config
  return { ...config, config: changes.reduce(apply, config.config ?? {}) }
}

/** Throws StratafsError for what `changed` will not take, before anything is written. */
export function refuseWrong(changes: readonly string[]): void {
  changes.reduce(apply, {})
}

function apply(run: Run, change: string): Run {
  const [, word = '', text = ''] = /^\s*(\S+)\s+(\S.*?)\s*$/s.exec(change) ?? []
  const act = Object.hasOwn(CHANGES, word.toUpperCase()) ? CHANGES[word.toUpperCase()] : undefined
  const known = Object.keys(CHANGES).join(', ')
  const what = `--change ${JSON.stringify(change)}`
  if (act === undefined) throw new StratafsError(what, 'INVALID_ARGUMENT', `give one of ${known}, and its value`)
  const next = act(run, text)
  if (typeof next !== 'string') return next
  throw new StratafsError(what, 'INVALID_ARGUMENT', next)
}

/** `["a","b"]` as it stands; anything else is for the shell. */
function commandOf(text: string): readonly string[] {
  return listOf(text) ?? ['/bin/sh', '-c', text]
}

/** A JSON list of strings; null for anything else. */
function listOf(text: string): string[] | null {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : null
  } catch {
    return null
  }
}

/** Words as a shell reads them, without any expansion: quotes and backslashes. null: a quote has no end. */
function wordsOf(text: string): string[] | null {
  const word = /(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/gs
  if (text.replace(word, '').trim() !== '') return null
  const plain = (part: string): string =>
    part.startsWith("'") ? part.slice(1, -1) : part.replace(/^"(.*)"$/s, '$1').replace(/\\(.)/gs, '$1')
  const parts = /"(?:[^"\\]|\\.)*"|'[^']*'|(?:\\.|[^\s"'\\])+/gs
  return [...text.matchAll(word)].map(([whole]) => whole.replace(parts, plain))
}

type Pair = readonly [key: string, value: string]

/** `KEY=VALUE …`, or `KEY VALUE` with all that follows. */
function pairsOf(text: string): Pair[] | null {
  const words = wordsOf(text)
  if (words?.every((word) => word.indexOf('=') > 0))
    return words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)])
  const [, key, value] = /^([^\s=]+)\s+(.+)$/s.exec(text) ?? []
  return key === undefined || value === undefined ? null : [[key, value]]
}

function withPairs(text: string, act: (pairs: readonly Pair[]) => Run): Run | string {
  const pairs = pairsOf(text)
  return pairs === null ? 'give KEY=VALUE, in quotes where there are blanks' : act(pairs)
}

/** An environment with `pairs`, each in the place of the one that had its name. */
function joined(given: unknown, pairs: readonly Pair[]): string[] {
  const all = new Map<string, string>()
  const old = Array.isArray(given) ? given.filter((one): one is string => typeof one === 'string') : []
  for (const line of old) all.set(line.split('=', 1)[0]!, line)
  for (const [key, value] of pairs) all.set(key, `${key}=${value}`)
  return [...all.values()]
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
