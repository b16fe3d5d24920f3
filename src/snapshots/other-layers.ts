/** What a mount's database is still for, where the mount stands on other layers than those that it was made for. */

interface Indexed {
  readonly index: 'on' | 'off' | 'immutable' | 'log'
  readonly changelog?: number
}

/** Of the index: the change log, where there is one. */
export function indexOnOtherLayers({ index, changelog = 0 }: Indexed): 'log' | 'off' {
  return index !== 'off' && changelog > 0 ? 'log' : 'off'
}
