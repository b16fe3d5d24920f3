/**
 * Builds a database of its own over a whole tree, which takes its place by one rename when it is whole; of two builds
 * at once the last one wins, and both were whole.
 */
import { renameSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { LowerStack, type LowerStackConfig } from '../../stack/lower-stack.js'
import { codeOf } from '../database/database.js'
import { removeMark } from '../database/in-use.js'
import { publish, temporaryEnding, temporaryShared } from '../database/shared-stacks.js'
import { sharedPath, stackIdentity } from '../database/stack-identity.js'
import { IndexStore } from '../database/store.js'
import { KnownLayers } from '../layer-rows/known-layers.js'
import { makeLayerRows } from '../layer-rows/make-layer-rows.js'
import { BuildSink } from './build-sink.js'
import { removeDatabase } from './opening.js'
import { type BuildProgress, TreeWalk } from './tree-walk.js'
import { scanUpper } from './upper-rows.js'

const STEP_MS = 100

export interface Built extends BuildProgress {
  readonly path: string
}

/**
 * Reads the whole tree into a new database, which takes the place of `path` when it is whole; with `path` null, that of
 * the shared one. `upper`: what is there is read, too; without it the next mount does that. The database of a workdir
 * that is mounted has a writer already: build the shared one, or have it filled.
 */
export async function buildIndex(
  config: LowerStackConfig,
  path: string | null,
  progress: (so: BuildProgress) => void = () => {},
  upper: string | null = null,
): Promise<Built | StratafsError> {
  const stack = LowerStack.open(config, true)
  if (stack instanceof StratafsError) return stack
  try {
    return await build(stack, path, progress, upper)
  } finally {
    stack.close()
  }
}

async function build(
  stack: LowerStack,
  path: string | null,
  progress: (so: BuildProgress) => void,
  upper: string | null,
): Promise<Built | StratafsError> {
  const identity = stackIdentity(stack)
  const temporary = path === null ? temporaryShared(identity) : `${path}.${temporaryEnding()}`
  if (temporary === null) return new StratafsError(`${shown(sharedPath(identity))} cannot be made`)
  try {
    const built = await buildInto(temporary, stack, progress, path === null ? 'clean' : 'built', upper)
    if (path === null) return { ...built, path: publish(temporary, identity) }
    removeDatabase(path)
    renameSync(pathBytes(temporary), pathBytes(path))
    removeMark(path)
    return { ...built, path }
  } catch (error) {
    removeDatabase(temporary)
    return new StratafsError(`the index cannot be built: ${codeOf(error)}`)
  }
}

/** `mark`: whether the upper's rows are to be believed, where they are not read here. */
async function buildInto(
  temporary: string,
  stack: LowerStack,
  progress: (so: BuildProgress) => void,
  mark: string,
  upper: string | null,
): Promise<BuildProgress> {
  const layers = new KnownLayers(stack, false, () => {})
  try {
    const { marks } = stack
    // Anew: a file that was changed in place leaves no sign in rows of before.
    for (const layer of stack.lowers) await makeLayerRows({ path: layer.path, prefix: marks.prefix })
    const lower = { temporary, stack, progress, layers }
    // Rows of a layer that is edited meanwhile can mislead: then all is read.
    const built = (await buildLower(lower)) ?? (await buildLower({ ...lower, layers: null }))!
    finish(built.store, built.walk, upper === null || !scanUpper(built.store, marks, upper) ? mark : 'clean')
    progress(built.walk)
    return built.walk
  } finally {
    layers.close()
  }
}

function finish(store: IndexStore, { failures }: BuildProgress, mark: string): void {
  store.begin()
  store.setMeta('complete', failures.length === 0 ? 1 : 0)
  store.setMeta('dirty', mark)
  store.commit()
  store.db.pragma('synchronous = FULL')
  store.setMeta('built', new Date().toISOString())
  store.close()
}

interface LowerBuild {
  readonly temporary: string
  readonly stack: LowerStack
  readonly progress: (so: BuildProgress) => void
  /** Null: every directory is read. */
  readonly layers: KnownLayers | null
}

/** Everything but the upper; null where rows of single layers were wrong. */
async function buildLower({ temporary, stack, progress, layers }: LowerBuild) {
  removeDatabase(temporary)
  IndexStore.create(temporary, stack).close()
  const sink = new BuildSink(temporary)
  let store: IndexStore | null = null
  try {
    const walk = new TreeWalk(stack, sink, layers)
    while (!walk.step(STEP_MS)) {
      progress(walk.progress)
      // The other thread is heard only when this one does nothing.
      await turn()
      await sink.room()
    }
    if (walk.isMisled) return null
    store = await sink.end()
    return { store, walk: walk.progress }
  } finally {
    if (store === null) await sink.close()
  }
}
