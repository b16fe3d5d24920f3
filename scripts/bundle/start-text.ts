/**
 * What begins a joined file, as text: it stands where tsc put the output of a `.cts` file (see scripts/bundle-dist.ts)
 * and is CommonJS, because a joined file is run as a script, which alone can be given V8's code for it. Whatever is
 * missing, the modules are loaded one by one instead.
 */

/** The parameters of the one function that a joined file is; `__at` gives the URL of a module's own place. */
export const PARAMETERS = 'require,module,exports,__filename,__dirname,__at'

/** The first words of a file that begins a joined one. */
export const MARK = '// Made by scripts/bundle-dist.ts'

/**
 * The file with V8's code for `joined`, as the Node that runs this one makes it. V8 itself looks at its own version and
 * flags.
 */
export function cacheName(joined: string): string {
  return `${joined}.${process.version}-${process.arch}`
}

/** Text that runs the file `joined` (relative to the place of the text), or else loads `modules`. */
export function startText(joined: string, modules: string): string {
  return `#!/usr/bin/env node
${MARK}, which joined the modules of ${modules}. tsc puts back what loads them one by one.
'use strict'
const { existsSync, readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const file = join(__dirname, '${joined}')
const read = (path, encoding) => {
  try {
    return readFileSync(path, encoding)
  } catch {
    return undefined
  }
}
const at = (place, rest) => {
  const folder = rest && require.resolve.paths(place).find((modules) => existsSync(join(modules, place)))
  const path = rest === undefined ? join(dirname(file), place) : join(folder || dirname(file), place, rest)
  return require('node:url').pathToFileURL(path).href
}
const text = read(file, 'latin1')
if (text === undefined) void import('${modules}')
else {
  const cachedData = read(\`\${file}.\${process.version}-\${process.arch}\`)
  const { Script } = require('node:vm')
  const run = new Script(text, { filename: file, cachedData }).runInThisContext()
  run(require, module, exports, file, dirname(file), at)
}
`
}
