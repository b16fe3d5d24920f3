/**
 * All scenarios, those where whiteouts matter also with whiteouts spelled `.wh.NAME`, copy-ups also without O_TMPFILE.
 */
import { copyUps, metacopies, truncations } from './content.js'
import { creations, hardLinks, links, removals } from './names.js'
import { directoryRenames, exchanges, renames } from './renames.js'
import type { Scenario } from './scenario.js'

export type { Passing, Scenario } from './scenario.js'

const plain: Scenario[] = [
  ...copyUps,
  ...truncations,
  ...metacopies,
  ...creations,
  ...links,
  ...hardLinks,
  ...removals,
  ...renames,
  ...directoryRenames,
  ...exchanges,
]

/** The same with `.wh.NAME`, where whiteouts matter. */
const dotted = [...creations, ...links, ...hardLinks, ...removals, ...renames, ...directoryRenames, ...exchanges]
  .filter((scenario) => !scenario.name.includes('leave a whiteout'))
  .map((scenario) => ({ ...scenario, name: `${scenario.name} [.wh.]`, aufs: true }))

/** The same where the upper's filesystem has no O_TMPFILE, where files are copied up. */
const named = [...copyUps, ...metacopies, ...hardLinks].map((scenario) => ({
  ...scenario,
  name: `${scenario.name} [no O_TMPFILE]`,
  named: true,
}))

export const scenarios: readonly Scenario[] = [...plain, ...dotted, ...named]

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`no scenario ${name}`)
  return found
}
