/** One thing after the other for each snapshot: what is asked about the others goes on meanwhile. */
export class Serial {
  readonly #last = new Map<number, Promise<unknown>>()

  /** Runs `act` once everything before it about `id` has ended. */
  async run<T>(id: number, act: () => Promise<T> | T): Promise<T> {
    const before = this.#last.get(id)
    const own = (async () => {
      await before?.catch(() => {})
      return act()
    })()
    this.#last.set(id, own)
    try {
      return await own
    } finally {
      if (this.#last.get(id) === own) this.#last.delete(id)
    }
  }
}
