/**
 * Completion: the scripts are what the commands say now, no option or place is without a kind, and in real shells on a
 * terminal a TAB puts in what can stand there: commands, options and their values, directories, mounts, images.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { completionFiles } from '../../scripts/completion/files.js'
import { FREE, leaves, mountOptions } from '../../scripts/completion/model.js'
import { parseOptions } from '../../src/daemon/options/parse.js'
import { optionTable } from '../../src/daemon/options/table.js'
import { MAIN, needsRoot, workspace } from '../daemon/harness.js'
import { notInstalled } from '../tools/installed.js'
import { everyCommand } from './every-command.js'
import { type Shell, typed } from './type-in-shell.js'

const scripts = join(checkoutRoot(), 'completions')

test('completions/ is what the commands say: `npm run completion` writes it', () => {
  const files = completionFiles()
  assert.deepEqual(readdirSync(scripts).sort(), [...files.keys()].sort())
  for (const [name, text] of files) assert.equal(readFileSync(join(scripts, name), 'utf8'), text, name)
})

test('every command is completed, and every value is of a kind that is known', () => {
  const names = leaves().map(({ name }) => name)
  assert.deepEqual(names.sort(), [...everyCommand(), 'completion', 'help'].sort())
  for (const { name, flags, places } of leaves()) {
    for (const { words, value } of flags)
      if (value === 'free') assert.ok(FREE.includes(words[0]!.replace(/^-+/, '')), `${name} ${words[0]}`)
    for (const place of places) assert.ok(place.value !== 'free' || FREE.includes(place.name), `${name} ${place.name}`)
  }
})

test('the values of mount options are those that are taken', () => {
  for (const { name, value } of mountOptions()) {
    const row = optionTable.get(name)
    assert.ok(row !== undefined, name)
    if (row.takes !== 'either') assert.equal(row.takes === 'nothing', value === null, name)
    for (const word of Array.isArray(value) ? value : []) {
      const parsed = parseOptions([`lowerdir=/,${name}=${word}`], { strict: true, cwd: '/' })
      assert.ok(!('error' in parsed), `${name}=${word}: ${JSON.stringify(parsed)}`)
    }
  }
})

test('the command prints them', () => {
  for (const [shell, text] of completionFiles()) {
    const { stdout } = spawnSync(process.execPath, [MAIN, 'completion', shell], { encoding: 'utf8' })
    assert.equal(stdout, text)
  }
})

const TAB = '\t'
/** What is typed, and what `stratafs` is then called with; `ROOT` is the folder of the test. */
const lines: readonly (readonly [typed: string, words: string])[] = [
  [`stratafs unm${TAB}`, '<unmount>'],
  [`stratafs comp${TAB}zs${TAB}`, '<completion><zsh>'],
  [`stratafs help hea${TAB}`, '<help><health>'],
  [`stratafs image hist${TAB}`, '<image><history>'],
  [`stratafs index ver${TAB}`, '<index><verify>'],
  [`stratafs mount --low${TAB} lay${TAB}`, '<mount><--lower><layers/>'],
  [`stratafs mount --lower NAME=lay${TAB}`, '<mount><--lower><NAME=layers/>'],
  [`stratafs mount --lower layers -o vol${TAB}`, '<mount><--lower><layers><-o><volatile>'],
  [`stratafs mount -o ro,redi${TAB}foll${TAB}`, '<mount><-o><ro,redirect_dir=follow>'],
  [`stratafs mount -o ro,lowerdir=lay${TAB}`, '<mount><-o><ro,lowerdir=layers/>'],
  [`stratafs mount -o lowerdir=layers:lay${TAB}`, '<mount><-o><lowerdir=layers:layers/>'],
  [`stratafs -o userx${TAB}`, '<-o><userxattr>'],
  [`stratafs apply layer.t${TAB} lay${TAB}`, '<apply><layer.tar><layers/>'],
  [`stratafs image history ima${TAB}`, '<image><history><images:app-1>'],
  [`stratafs image history images:a${TAB}`, '<image><history><images:app-1>'],
  [`stratafs image mount images:app-1 lay${TAB}`, '<image><mount><images:app-1><layers/>'],
  [`stratafs commit m --image images:new --base app${TAB}`, '<commit><m><--image><images:new><--base><app-1>'],
  [`stratafs apply --owners xa${TAB}`, '<apply><--owners><xattr>'],
]
const onMounts: readonly (readonly [typed: string, words: string])[] = [
  [`stratafs unmount ROOT/mer${TAB}`, '<unmount><ROOT/merged dir>'],
  [`stratafs inspect mer${TAB}`, '<inspect><merged dir>'],
  [`stratafs image commit mer${TAB} images:a${TAB}`, '<image><commit><merged dir><images:app-1>'],
]

for (const shell of ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[]) {
  const missing = notInstalled(shell) || notInstalled('python3')
  test(`${shell} completes them`, { skip: needsRoot.skip || missing }, (t) => {
    const w = workspace(t)
    const at = (name: string) => join(w.root, name)
    for (const name of ['layers', 'merged dir']) mkdirSync(at(name))
    const { status } = spawnSync('tar', ['-cf', 'layer.tar', '-C', 'base', '.'], { cwd: w.root })
    assert.equal(status, 0)
    assert.equal(w.run('image', 'import', 'layer.tar', 'images:app-1').status, 0)
    assert.equal(w.run('mount', '--lower', 'base', 'merged dir').status, 0)
    // A mount that does not answer keeps no shell waiting.
    process.kill(JSON.parse(w.run('inspect', 'merged dir').stdout)[0].Pid, 'SIGSTOP')
    const all = [...lines, ...onMounts]
    const given = all.map(([line]) => line.replaceAll('ROOT', w.root))
    const answers = typedAndUnmounted()
    function typedAndUnmounted(): string[] {
      try {
        return typed(shell, given, { home: at('home'), cwd: w.root, scripts })
      } finally {
        spawnSync('umount', ['-l', at('merged dir')])
      }
    }
    const told = answers.map((answer, i) => [given[i], answer.replace(/\/>/g, '>')])
    const expected = all.map(([, words], i) => [given[i], words.replaceAll('ROOT', w.root).replace(/\/>/g, '>')])
    assert.deepEqual(told, expected)
  })
}
