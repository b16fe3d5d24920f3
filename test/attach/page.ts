/** Blocks of docs/attach.md with their example paths replaced: what is printed there is what is tried. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutRoot } from '../../scripts/checkout.js'

/** The blocks of a language, in their order, without their fences and the indentation of a list. */
function blocks(language: string): string[] {
  const page = readFileSync(join(checkoutRoot(), 'docs/attach.md'), 'utf8')
  const found = [...page.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].filter(([, , named]) => named === language)
  return found.map(([, indent = '', , text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

/** The first block of `language` that holds `part`, with each path of `replace` made another. */
export function documented(language: string, part: string, replace: Readonly<Record<string, string>> = {}): string {
  const block = blocks(language).find((text) => text.includes(part))
  assert.ok(block, `docs/attach.md has a block of ${language} with ${part}`)
  return Object.entries(replace).reduce((text, [from, to]) => text.replaceAll(from, to), block)
}

/** The line of such a block of shell words that begins with `words`, without its comment. */
export function documentedLine(words: string, replace: Readonly<Record<string, string>> = {}): string {
  const line = documented('sh', words, replace)
    .split('\n')
    .find((each) => each.startsWith(words))
  assert.ok(line, `a line of docs/attach.md begins with ${words}`)
  return line.replace(/\s+#.*$/, '')
}
