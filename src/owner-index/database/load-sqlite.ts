/**
 * Finding a better-sqlite3 that this Node can load. Its current line is Node-API, one binary for every Node, but ends a
 * Node older than 22 with SIGSEGV; the line before is built for one version of Node. A package ships both (see
 * scripts/package/prebuilt.ts); else they come from node_modules.
 */

import { join } from 'node:path'
import type { Database as Connection, Options } from 'better-sqlite3'
import { StratafsError } from '../../base/failure.js'
import { prebuiltFiles, shippedPackage } from '../../base/package-files.js'

export type SqliteClass = new (path: string, options?: Options) => Connection

/** The first Node that may load the current line. */
const CURRENT_NEEDS = 22

/** The class. Throws StratafsError where better-sqlite3 is not there, or not for this Node. */
export function loadSqlite(require: NodeJS.Require): SqliteClass {
  const major = Number(process.versions.node.split('.')[0])
  const line = major >= CURRENT_NEEDS ? 'better-sqlite3-napi' : 'better-sqlite3'
  const shipped = shippedSqlite(require, line)
  if (shipped !== null) return shipped
  try {
    const Found = require(line) as SqliteClass
    new Found(':memory:').close()
    return Found
  } catch (error) {
    throw missing(line, error as NodeJS.ErrnoException)
  }
}

/** The one that the package brings, or null where none of its binaries loads. */
function shippedSqlite(require: NodeJS.Require, line: string): SqliteClass | null {
  const folder = shippedPackage(line)
  if (folder === null) return null
  const name = line === 'better-sqlite3' ? `${line}-abi${process.versions.modules}.node` : `${line}.node`
  for (const nativeBinding of prebuiltFiles(name))
    try {
      const Shipped = require(join(folder, 'lib/index.js')) as SqliteClass
      new Shipped(':memory:', { nativeBinding }).close()
      return class extends (Shipped as new (path: string, options?: Options) => object) {
        constructor(path: string, options: Options = {}) {
          super(path, { ...options, nativeBinding })
        }
      } as SqliteClass
    } catch {
      // Of another libc or machine: the next, else the one in node_modules.
    }
  return null
}

/** Which Node it was built for and which this is, where that is why; and what to run. */
function missing(line: string, { code, message }: NodeJS.ErrnoException): StratafsError {
  const here = `Node ${process.version} (ABI ${process.versions.modules}, ${process.arch})`
  if (code === 'MODULE_NOT_FOUND' && message.includes(`'${line}'`)) {
    const remedy = 'use Node 22 or newer, or npm install better-sqlite3@12'
    const what = `the index needs the package better-sqlite3, and there is none for ${here}`
    return new StratafsError(what, 'MISSING_PROGRAM', remedy)
  }
  const built = /NODE_MODULE_VERSION (\d+)/.exec(message)?.[1]
  const reason = built === undefined ? `does not load (${message.split('\n')[0]})` : `was built for ${nodeOf(built)}`
  const remedy = 'run npm rebuild better-sqlite3 with this Node, or use the other one'
  return new StratafsError(`better-sqlite3 ${reason}, and this is ${here}`, 'MISSING_PROGRAM', remedy)
}

/** ABI numbers of the supported Nodes; others are told as they are. */
const NODES: Readonly<Record<string, string>> = { 108: '18', 115: '20', 127: '22', 137: '24' }

function nodeOf(abi: string): string {
  return NODES[abi] === undefined ? `another Node (ABI ${abi})` : `Node ${NODES[abi]} (ABI ${abi})`
}
