/** What `stratafs explore` was asked. */

/** Words are latin1. */
export interface ExploreRequest {
  readonly target: string | undefined
  readonly lower: readonly string[]
  readonly upper: string | undefined
  readonly address: string | undefined
  readonly open: boolean
  readonly terminal: boolean
  readonly json: boolean
  readonly view: string | undefined
  readonly index: string | undefined
}
