/**
 * What one tree has changed, applied to another that has the same origin: path by path, each against what it was. What
 * both have changed, and not to the same, is a conflict. Nothing is written here: tree-apply.ts does that.
 */
import { Stat } from '../../syscalls/stat.js'
import { isDirectory, isSame, stateAt, type TreeState } from './tree-state.js'

/** Roots, latin1. */
interface Trees {
  readonly base: string
  readonly ours: string
  readonly theirs: string
}

export interface MergeConflict {
  /** From the root, with a leading slash. */
  readonly path: string
  /** What either side has done there. */
  readonly ours: 'added' | 'changed' | 'deleted'
  readonly theirs: 'added' | 'changed' | 'deleted'
}

/**
 * `take`: what stands there in theirs, its names apart; `delete`; `replace`: all of it, with what lies below, whatever
 * ours has. Only the first two are without conflict.
 */
export interface MergeAction {
  readonly act: 'take' | 'delete' | 'replace'
  readonly path: string
}

export interface MergeOutcome {
  readonly actions: readonly MergeAction[]
  readonly conflicts: readonly MergeConflict[]
  /** All paths that were compared. */
  readonly looked: readonly string[]
}

/** `theirs` and `ours`: the paths that each may have changed, sorted, a directory before what is in it. */
export class TreeMerge {
  readonly #actions: MergeAction[] = []
  readonly #conflicts: MergeConflict[] = []
  readonly #ours: ReadonlySet<string>
  /** All below it is decided. */
  #decided: string | null = null

  constructor(
    private readonly trees: Trees,
    private readonly theirs: readonly string[],
    private readonly changedByUs: readonly string[],
    /** Whose word counts in a conflict; null: it is only told. */
    private readonly side: 'ours' | 'theirs' | null,
  ) {
    this.#ours = new Set(changedByUs)
  }

  /** Throws StratafsError where something cannot be read. */
  plan(): MergeOutcome {
    for (const path of this.theirs) {
      if (this.#decided !== null && path.startsWith(`${this.#decided}/`)) continue
      this.#decided = null
      const [base, theirs] = [stateAt(this.trees.base + path), stateAt(this.trees.theirs + path)]
      const ours = stateAt(this.trees.ours + path)
      if (theirs === null) this.#gone(path, base, ours)
      else if (isDirectory(theirs)) this.#directory(path, base, ours, theirs)
      else this.#other(path, base, ours, theirs)
    }
    return { actions: this.#actions, conflicts: this.#conflicts, looked: this.theirs }
  }

  #isOurs(path: string, base: TreeState | null, ours: TreeState | null): boolean {
    return this.#ours.has(path) && !isSame(base, ours)
  }

  #gone(path: string, base: TreeState | null, ours: TreeState | null): void {
    if (ours === null) return
    const inside = this.#changedBelow(path)
    if (this.#isOurs(path, base, ours)) return this.#conflict(path, base, ours, null)
    if (inside === null) this.#decide('delete', path)
    else this.#conflict(path, base, ours, null, inside)
  }

  /** The first path below that ours has changed or added; null: none. */
  #changedBelow(path: string): string | null {
    const isChanged = (each: string): boolean => {
      if (!each.startsWith(`${path}/`)) return false
      const now = stateAt(this.trees.ours + each)
      return now !== null && !isSame(stateAt(this.trees.base + each), now)
    }
    return this.changedByUs.find(isChanged) ?? null
  }

  #directory(path: string, base: TreeState | null, ours: TreeState | null, theirs: TreeState): void {
    if (isDirectory(ours)) {
      // Those of both are one; what they are called and by whom they may be read is theirs alone to say, or ours.
      if (isSame(ours, theirs) || isSame(base, theirs)) return
      if (isDirectory(base) ? !isSame(base, ours) : true) this.#attributes(path, base, ours, theirs)
      else this.#actions.push({ act: 'take', path })
    } else if (ours === null && !isDirectory(base)) this.#actions.push({ act: 'take', path })
    else if (ours !== null && !isDirectory(base) && !this.#isOurs(path, base, ours))
      this.#actions.push({ act: 'take', path })
    else this.#conflict(path, base, ours, theirs)
  }

  /** Both are directories, and stay: what is in them is looked at on. */
  #attributes(path: string, base: TreeState | null, ours: TreeState | null, theirs: TreeState): void {
    this.#conflicts.push(conflictAt(path, base, ours, theirs))
    if (this.side === 'theirs') this.#actions.push({ act: 'take', path })
  }

  #other(path: string, base: TreeState | null, ours: TreeState | null, theirs: TreeState): void {
    if (isDirectory(ours)) {
      const inside = this.#changedBelow(path)
      if (!isDirectory(base) || inside !== null) this.#conflict(path, base, ours, theirs, inside ?? path)
      else this.#decide('replace', path)
    } else if (ours !== null || base !== null) this.#both(path, base, ours, theirs)
    else this.#actions.push({ act: 'take', path })
  }

  #both(path: string, base: TreeState | null, ours: TreeState | null, theirs: TreeState): void {
    const isTouched = base?.mtime !== theirs.mtime
    const isChanged = !isSame(base, theirs)
    // Of a file with several names each is taken, so that they become one.
    const isGroup = theirs.stat[Stat.NLINK]! > 1
    if (!isChanged && !isTouched && !isGroup) return
    if (!this.#isOurs(path, base, ours) || (isGroup && isSame(ours, theirs))) this.#actions.push({ act: 'take', path })
    else if (isChanged && !isSame(ours, theirs)) this.#conflict(path, base, ours, theirs)
  }

  #decide(act: 'delete' | 'replace', path: string): void {
    this.#actions.push({ act, path })
    this.#decided = path
  }

  /** `told`: where ours has changed something, if that is not the path itself. */
  #conflict(path: string, base: TreeState | null, ours: TreeState | null, theirs: TreeState | null, told = path): void {
    const now = told === path ? ours : stateAt(this.trees.ours + told)
    const was = told === path ? base : stateAt(this.trees.base + told)
    this.#conflicts.push({ ...conflictAt(path, base, ours, theirs), path: told, ours: done(was, now) })
    if (this.side === 'theirs') this.#actions.push({ act: theirs === null ? 'delete' : 'replace', path })
    this.#decided = path
  }
}

function conflictAt(
  path: string,
  base: TreeState | null,
  ours: TreeState | null,
  theirs: TreeState | null,
): MergeConflict {
  return { path, ours: done(base, ours), theirs: done(base, theirs) }
}

function done(base: TreeState | null, now: TreeState | null): MergeConflict['ours'] {
  if (now === null) return 'deleted'
  return base === null ? 'added' : 'changed'
}
