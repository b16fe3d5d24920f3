/**
 * Types into an interactive shell on a terminal of its own, as a person does: each line is sent when the prompt is
 * there, and what the shell made of it is told by a function `stratafs` that prints its arguments.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Shell = 'bash' | 'zsh' | 'fish'

/** Keeps the line's end until the shell has answered what comes before it. */
const TYPIST = `
import json, os, pty, re, select, sys, time
asked = json.load(sys.stdin)
pid, fd = pty.fork()
if pid == 0:
    os.execvp(asked['argv'][0], asked['argv'])
seen = b''
def read_until(pattern):
    global seen
    end = time.time() + 20
    while True:
        found = re.search(pattern, seen)
        if found:
            text, seen = seen[:found.end()], seen[found.end():]
            return text
        if time.time() > end or not select.select([fd], [], [], max(0, end - time.time()))[0]:
            sys.exit('waited for %r, and saw %r' % (pattern, seen))
        try:
            seen += os.read(fd, 65536)
        except OSError:
            sys.exit('the shell ended; it said %r' % seen)
answers = []
read_until(rb'@@ ')
for line in asked['lines']:
    os.write(fd, line.encode() + b'\\n')
    answers.append(read_until(rb'<ARGS>[^\\r\\n]*\\r?\\n').split(b'<ARGS>')[-1].decode().strip())
    read_until(rb'@@ ')
os.write(fd, b'exit\\n')
print(json.dumps(answers))
`

interface Place {
  /** Where the shell's own files may be. */
  readonly home: string
  readonly cwd: string
  /** The folder of the scripts. */
  readonly scripts: string
}

function start(shell: Shell, { home, scripts }: Place): string[] {
  mkdirSync(home, { recursive: true })
  const say = `stratafs() { printf '<%s>' ARGS "$@"; echo; }`
  const put = (name: string, lines: string[]) => writeFileSync(join(home, name), `${lines.join('\n')}\n`)
  put('bashrc', [`PS1='@@ '`, `bind 'set enable-bracketed-paste off'`, `source '${scripts}/bash'`, say])
  put('.zshrc', [
    ...[`fpath=('${home}' $fpath)`, 'autoload -Uz compinit', 'compinit -u -D', `PS1='@@ '`],
    // What comes at once is typed, not pasted.
    ...[`zstyle ':completion:*' insert-tab false`, 'unset zle_bracketed_paste', 'unsetopt prompt_sp', say],
  ])
  // zsh finds it by its name.
  copyFileSync(join(scripts, 'zsh'), join(home, '_stratafs'))
  put('config.fish', [
    ...[`source '${scripts}/fish'`, `function fish_prompt; printf '@@ '; end`, 'set -g fish_greeting'],
    `function stratafs; printf '<%s>' ARGS $argv; echo; end`,
  ])
  if (shell === 'bash') return ['bash', '--noprofile', '--rcfile', join(home, 'bashrc'), '-i']
  return shell === 'zsh' ? ['zsh', '-i'] : ['fish', '--no-config', '-i', '-C', `source '${home}/config.fish'`]
}

/** What `stratafs` was called with after each of `lines` was typed, as `<word><word>`. */
export function typed(shell: Shell, lines: readonly string[], place: Place): string[] {
  const { home, cwd } = place
  // fish keeps notes in the last two.
  const own = { HOME: home, ZDOTDIR: home, XDG_CONFIG_HOME: home, XDG_RUNTIME_DIR: home, TMPDIR: home }
  const env = { ...process.env, ...own, TERM: 'dumb', LC_ALL: 'C.UTF-8' }
  const input = JSON.stringify({ argv: start(shell, place), lines })
  const done = spawnSync('python3', ['-c', TYPIST], { cwd, env, input, encoding: 'utf8', timeout: 60_000 })
  assert.equal(done.status, 0, `${shell}: ${done.stderr}`)
  return JSON.parse(done.stdout) as string[]
}
