/**
 * What a top-down search (search.ts) goes by, what it is told, and what it finds: the words that the union, the index
 * and the search have in common.
 */

import type { Layer, LayerDir } from '../layers/layer-dir.js'
import { type MarkStore, type Marks, noMarks } from '../layers/marks.js'
import type { DirCache } from '../layers/real-dir.js'
import type { Traps } from '../layers/traps.js'
import type { Whiteouts } from '../layers/whiteouts.js'
import type { LayerDirs } from './parts.js'

/** What a search goes by: a union, or the lower layers alone when the index reads them. */
export interface SearchContext {
  readonly lowers: readonly Layer[]
  /** Below them all, reached only through an absolute redirect of a metacopy. */
  readonly dataLayers?: readonly Layer[]
  /** Directories that are not to be entered from a lower layer. */
  readonly traps?: Traps
  readonly cache: DirCache
  readonly marks: MarkStore
  readonly whiteouts: Whiteouts
  /** Filled with the stat record of the topmost part of what was found. */
  readonly topStat: Float64Array
  readonly config: { readonly redirectDir: string; readonly verity?: boolean; readonly leadsBelow?: boolean }
  /**
   * Hears of a search in several parts, of which the lowers from `at` on have not been asked yet; `name` null: for
   * whatever will be asked for next. Whether they are being read ahead.
   */
  searching?(lowers: LayerDirs, at: number, name: string | null): boolean
}

/** The parts of the directory that is searched. */
export interface SearchedDirectory {
  readonly upper: LayerDir | null
  readonly lowers: LayerDirs
  readonly impure: boolean
}

/** Knows what the lower parts of one directory hold together, so that they need not be asked one by one. */
export interface LowerAnswers {
  /**
   * Completes `found`, in which the upper has had its say (nothing, or a directory that joins), with what stands below
   * under `name`. False: not known, the parts themselves must be asked.
   */
  answer(c: SearchContext, dir: SearchedDirectory, found: Found, name: string): boolean
}

/** What a name was found to be. The stat record of the topmost part is in `u.topStat`. */
export class Found {
  /** S_IFMT bits; 0: absent. */
  type = 0
  /** -errno that ended the search, or 0. */
  error = 0
  /** Directories: the parts, top first. */
  upper: LayerDir | null = null
  lowers: LayerDirs = []
  /** Other files: where. */
  inodeDir: LayerDir | null = null
  inodeName = ''
  contentDir: LayerDir | null = null
  contentName = ''
  /** The topmost part's marks. */
  marks: Marks = noMarks
  /** A redirect was followed: parts may lie under other names. */
  redirected = false
}
