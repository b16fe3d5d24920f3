/**
 * How much memory for young objects a thread's JavaScript gets. V8's own choice lets it grow to 48 MB, which a walk
 * over many entries fills and nothing gives back; with less it is collected more often, and nothing measured took
 * longer (docs/decisions/0014-what-a-mount-costs-to-start.md).
 */
import type { ResourceLimits } from 'node:worker_threads'

export const WORKER_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 6 }
