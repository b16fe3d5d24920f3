/**
 * The manual: the pages in man/ are what `--help` says now, nothing that `--help` names is missing in them, and groff
 * renders them without a warning.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import yargs from 'yargs'
import { checkoutRoot } from '../../scripts/checkout.js'
import { manPages } from '../../scripts/man/pages.js'
import { type Command, readCommands } from '../../scripts/man/read-commands.js'
import { text } from '../../scripts/man/roff.js'
import { describe } from '../../src/cli/commands.js'
import { MOUNT_OPTIONS, mountOptionsText } from '../../src/cli/mount/mount-options-help.js'
import { COMMANDS } from '../../src/cli/mount/mount-program.js'
import { optionTable } from '../../src/daemon/options/table.js'
import { notInstalled } from '../tools/installed.js'

const root = checkoutRoot()
const pages = manPages()
const files = [...pages.keys()].map((path) => join(root, 'man', path))

/** Every command, and those below it. */
function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)]
}

test('man/ holds these pages and no others: `npm run man` writes them', () => {
  const found = readdirSync(join(root, 'man'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  assert.deepEqual(found.map(({ parentPath, name }) => join(parentPath, name)).sort(), [...files].sort())
  for (const [path, page] of pages) assert.equal(readFileSync(join(root, 'man', path), 'utf8'), page, path)
})

test('package.json lists them', () => {
  const { man } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { man: string[] }
  assert.deepEqual(man.map((path) => join(root, path)).sort(), [...files].sort())
})

test('every command has a page', () => {
  const names = readCommands().commands.flatMap(({ name, aliases }) => [name, ...aliases])
  assert.deepEqual(names.map((name) => name.replace(/ .*/, '')).sort(), [...COMMANDS].sort())
})

for (const { name, options, arguments: positionals } of all(readCommands())) {
  test(`the page of stratafs ${name} names what --help names`, async () => {
    const words = name === '' ? [] : name.split(' ')
    const help = await describe(yargs(words), words, { code: 0 }, async () => 0).getHelp()
    const page = pages.get(`man1/${['stratafs', ...name.split(' ')].filter(Boolean).join('-')}.1`)!
    const named = help.split('\nExamples:')[0]!.match(/(?<=^ *(?:-\w, )?)--?[a-z][a-z-]*(?= {2,}|$)/gm) ?? []
    for (const word of named.filter((each) => name === '' || each !== '--version'))
      assert.ok(page.includes(text(word)), word)
    const ours = options.map(([option]) => (option.length === 1 ? `-${option}` : `--${option}`))
    for (const word of [...ours, ...positionals.map(([word]) => word)]) assert.ok(help.includes(word), word)
  })
}

test('every mount option that does something is in the help', () => {
  const told = new Set(MOUNT_OPTIONS.flatMap(([words]) => words.split(' ').map((word) => word.replace(/=.*/, ''))))
  // What is ignored is taken with a value or without; what is refused says why itself.
  const known = [...optionTable].filter(([name, { takes }]) => takes !== 'either' && name !== 'nooverride_creds')
  assert.deepEqual(
    known.map(([name]) => name).filter((name) => !told.has(name)),
    [],
  )
  assert.deepEqual(
    [...told].filter((name) => !optionTable.has(name)),
    [],
  )
})

test('the help of mount options fits its width', () => {
  for (const width of [80, 110])
    for (const line of mountOptionsText(width).split('\n').slice(1)) assert.ok(line.length <= width, line)
})

test('groff renders every page without a warning', { skip: notInstalled('groff') }, () => {
  for (const file of files) {
    const { status, stderr } = spawnSync('groff', ['-ww', '-z', '-man', '-Tascii', file], { encoding: 'utf8' })
    assert.deepEqual([status, stderr], [0, ''], file)
  }
})

test('man shows a page', { skip: notInstalled('man', 'groff') }, (t) => {
  const env = { ...process.env, MANWIDTH: '80', MANPAGER: 'cat', LC_ALL: 'C.UTF-8' }
  const run = spawnSync('man', ['-l', join(root, 'man/man1/stratafs-mount.1')], { encoding: 'utf8', env })
  if (/minimized/.test(run.stdout)) return t.skip('this system is minimized: its man only says so')
  assert.deepEqual([run.status, run.stderr], [0, ''])
  assert.match(run.stdout, /--upper VALUE\n/)
})
