/** Rows of a long answer by position; pages are asked for when a row of theirs is looked at. */
import { useMemo } from 'preact/hooks'
import type { Page } from '../../views/types.js'
import { ask } from './api.js'

const PAGE = 200

class Pages<T> {
  readonly #pages = new Map<number, readonly T[]>()
  readonly #asked = new Set<number>()
  total = 0
  error: string | null = null

  constructor(
    private readonly question: string,
    private readonly changed: () => void,
  ) {}

  rowAt(at: number): T | null {
    const page = Math.floor(at / PAGE)
    if (!this.#asked.has(page)) this.load(page)
    return this.#pages.get(page)?.[at % PAGE] ?? null
  }

  load(page: number): void {
    this.#asked.add(page)
    ask<Page<T>>(`${this.question}&offset=${page * PAGE}&limit=${PAGE}`).then(
      ({ total, rows }) => {
        this.total = total
        this.#pages.set(page, rows)
        this.changed()
      },
      (error: Error) => {
        this.error = error.message
        this.changed()
      },
    )
  }
}

/** The rows of `question`, anew with each version. */
export function usePages<T>(question: string, version: number, changed: () => void): Pages<T> {
  return useMemo(() => new Pages<T>(question, changed), [question, version])
}
