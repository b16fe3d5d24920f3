/**
 * The project's structure, as a check: rooms are imported downwards only, no files import each other in a circle,
 * nothing is exported that nobody takes, no file names the place of one checkout, files and folders stay small, a kept
 * descriptor has an owner, no line is wider than 120 columns, and documents name what is there. Run alone
 * (`node dist/scripts/check-structure.js`) it prints what is wrong; `npm test` runs it as a test.
 */
import { fileURLToPath } from 'node:url'
import { checkoutRoot } from './checkout.js'
import { checkDescriptors } from './structure/descriptors.js'
import { checkDocuments } from './structure/documents.js'
import { findDeadExports } from './structure/exports.js'
import { checkOrder, findCircles } from './structure/order.js'
import { checkPlaces } from './structure/places.js'
import { checkSizes } from './structure/sizes.js'
import { readSource, type Source, sourceFiles } from './structure/sources.js'
import { checkWidth } from './structure/width.js'

/** All that is wrong with the checkout at `root`, one line each. */
export function checkStructure(root: string): string[] {
  const files = new Map<string, Source>()
  for (const folder of ['src', 'scripts', 'test']) {
    for (const file of sourceFiles(root, folder)) files.set(file, readSource(root, file))
  }
  return [
    ...checkOrder(root),
    ...findCircles(root, files),
    ...findDeadExports(root, files),
    ...checkPlaces(root),
    ...checkSizes(root),
    ...checkDescriptors(root),
    ...checkWidth(root),
    ...checkDocuments(root),
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = checkStructure(checkoutRoot())
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
