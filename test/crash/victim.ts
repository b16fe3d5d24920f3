/**
 * A process that runs one scenario over a prepared upper and kills itself with SIGKILL right before one of its system
 * calls. Arguments: the run's path, the stack's lowers, the scenario's name, the call's index, 1 for the middle of the
 * call.
 */
import { Run } from '../engine/layers.js'
import { scenarioNamed } from '../engine/scenarios/all.js'
import { disturbed, endingAt } from '../engine/trial.js'

const [path, lowers, name, index, midway] = process.argv.slice(2) as [string, string, string, string, string]

const hook = endingAt({ index: Number(index), midway: midway === '1' }, () => {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('survived SIGKILL')
})
disturbed(new Run(path, lowers.split(':')), scenarioNamed(name), hook, (s, act) => act(s))
