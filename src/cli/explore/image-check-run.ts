/** What `stratafs image check` does: holds an image to rules, and says what breaks them. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { type Breach, type CheckRules, checkImage, type ImageCheck } from '../../explore/check.js'
import { parseBytes } from '../../library/layers.js'
import { printDocument } from '../documents/documents.js'
import { Exit } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { print } from '../terminal/print.js'
import { sizeText } from '../terminal/units.js'

/** Paths of a breach that are printed. */
const MOST = 10

/** Words are latin1. */
interface CheckRequest {
  readonly image: string
  readonly maxWasted: string | undefined
  readonly maxWastedRatio: string | undefined
  readonly maxSize: string | undefined
  readonly maxLayers: string | undefined
  readonly noSetuid: boolean
  readonly noCapabilities: boolean
  readonly noWorldWritable: boolean
  readonly allow: readonly string[]
  readonly json: boolean
}

/** 0 where all rules are kept, 1 where one is broken. Throws StratafsError. */
export async function runImageCheck(request: CheckRequest): Promise<number> {
  const rules = rulesOf(request)
  const check = await interruptible((signal) => checkImage(pathBytes(request.image), rules, signal))
  if (typeof check === 'number') return check
  if (request.json) printDocument('image check', { schemaVersion: 1, ...check })
  else tell(check)
  return check.passed ? Exit.DONE : Exit.FAILED
}

function rulesOf(request: CheckRequest): CheckRules {
  const { noSetuid, noCapabilities, noWorldWritable, allow } = request
  const rules = {
    maxWasted: given('--max-wasted', request.maxWasted, parseBytes),
    maxWastedRatio: given('--max-wasted-ratio', request.maxWastedRatio, parseRatio),
    maxSize: given('--max-size', request.maxSize, parseBytes),
    maxLayers: given('--max-layers', request.maxLayers, parseLayers),
    ...{ noSetuid, noCapabilities, noWorldWritable, allow: allow.map(shown) },
  }
  if (Object.values(rules).some((rule) => rule === true || typeof rule === 'number')) return rules
  throw new StratafsError(
    'no rule is given: give --max-wasted, --max-size, --no-setuid or another (--help lists them)',
    'INVALID_ARGUMENT',
  )
}

function given(
  option: string,
  text: string | undefined,
  parse: (option: string, text: string) => number,
): number | undefined {
  return text === undefined ? undefined : parse(option, shown(text))
}

function parseRatio(option: string, text: string): number {
  const number = Number(text)
  if (/^\d*\.?\d+$/.test(text) && number <= 1) return number
  throw new StratafsError(`${option} ${text}: give a number from 0 to 1, such as 0.1`, 'INVALID_ARGUMENT')
}

function parseLayers(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new StratafsError(`${option} ${text}: give a number of layers`, 'INVALID_ARGUMENT')
}

function tell({ image, passed, bytes, wasted, wastedRatio, layers, breaches }: ImageCheck): void {
  const percent = (wastedRatio * 100).toFixed(1)
  const facts = `${sizeText(bytes)} in ${layers} layers, ${sizeText(wasted)} wasted (${percent} %)`
  print(`${image}: ${facts}: ${passed ? 'all rules are kept' : 'it breaks rules'}`)
  for (const breach of breaches) tellBreach(breach)
}

function tellBreach({ rule, words, paths }: Breach): void {
  print(`  --${rule}: ${words}`)
  for (const { path, bytes, fix } of paths.slice(0, MOST))
    print(`      ${sizeText(bytes).padStart(8)}  ${path}: ${fix}`)
  if (paths.length > MOST) print(`      and ${paths.length - MOST} more`)
}
