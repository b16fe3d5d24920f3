/**
 * Which image of an index is meant: the operating system and processor it is for, and the processor's variant. Variants
 * go upwards (amd64 v1 to v4, arm v5 to v8), and what is for a lower one runs on a higher. So of those that fit the
 * highest is taken where a variant was asked for; and where none was, the plain one, which runs everywhere. Pure.
 */
import { StratafsError } from '../../base/failure.js'
import { ownArchitecture, type Platform } from './types.js'

/** What an image may be for, as documents give it: any part may be missing. */
type PlatformLike = Partial<Record<keyof Platform, unknown>> | null | undefined

/** This machine's, without a variant. */
export function ownPlatform(): Platform {
  return { os: 'linux', architecture: ownArchitecture() }
}

/** `linux/amd64` or `linux/amd64/v3`. Throws StratafsError for anything else. */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/')
  if (!os || !architecture || variant === '' || rest.length > 0)
    throw new StratafsError(`--platform ${text}`, 'INVALID_ARGUMENT', 'give it as linux/amd64 or linux/amd64/v3')
  return variant === undefined ? { os, architecture } : { os, architecture, variant }
}

export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

/** The variant that a plain name means (containerd's platforms.Normalize). */
const PLAIN: Readonly<Record<string, number>> = { amd64: 1, arm64: 8, arm: 7 }

function levelOf(architecture: string, variant: unknown): number | null {
  if (variant === undefined || variant === '') return PLAIN[architecture] ?? 0
  const match = typeof variant === 'string' ? /^v(\d{1,3})/.exec(variant) : null
  return match === null ? null : Number(match[1])
}

/**
 * How well an image for `found` serves who wants `wanted`: the higher the better; null: not at all. Without a variant
 * asked for, those above the plain one serve last, the lowest of them first.
 */
export function fitOf(found: PlatformLike, wanted: Platform): number | null {
  if (found?.os !== wanted.os || found.architecture !== wanted.architecture) return null
  if (found.variant === wanted.variant) return 1000
  const level = levelOf(wanted.architecture, found.variant)
  const most = levelOf(wanted.architecture, wanted.variant)
  if (level === null || most === null) return wanted.variant === undefined ? -1000 : null
  if (level <= most) return level
  return wanted.variant === undefined ? -level : null
}
