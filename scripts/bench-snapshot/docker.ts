/**
 * docker as a way to keep a tree: `docker commit` of a container that has it in its writable layer, and a new container
 * of the image to go back. The daemon is one of our own, with all its state in the benchmark's directory.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contender, fill, has, run } from './places.js'

const PATIENCE_MS = 20_000

const missing = ['dockerd', 'docker'].find((program) => !has(program))

export const docker: Contender = {
  name: 'docker commit, create',
  missing: missing === undefined ? null : `${missing} is missing`,
  async prepare(ground, count) {
    const home = join(ground.at, 'docker')
    mkdirSync(join(home, 'empty/etc'), { recursive: true })
    run('tar', '-C', join(home, 'empty'), '-cf', join(home, 'empty.tar'), '.')
    const tell = (...words: string[]): string => run('docker', '-H', `unix://${home}/sock`, ...words).trim()
    const daemon = await begin(home)
    const create = (image: string): string => {
      tell('create', '--name', 'one', image, '/none')
      return join(tell('inspect', '-f', '{{.GraphDriver.Data.UpperDir}}', 'one'), 'tree')
    }
    tell('import', join(home, 'empty.tar'), 'base')
    const at = create('base')
    fill(at, count)
    return {
      at,
      keep: async () => void tell('commit', 'one', 'kept'),
      async restore() {
        tell('rm', '-f', 'one')
        create('kept')
      },
      end: () => stop(daemon, home),
    }
  },
}

async function begin(home: string): Promise<ChildProcess> {
  const places = ['--data-root', `${home}/root`, '--exec-root', `${home}/exec`, '--pidfile', `${home}/pid`]
  const quiet = ['--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver', 'overlay2']
  const daemon = spawn('dockerd', ['-H', `unix://${home}/sock`, ...places, ...quiet], { stdio: 'ignore' })
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(100))
    if (spawnSync('docker', ['-H', `unix://${home}/sock`, 'info']).status === 0) return daemon
  daemon.kill('SIGKILL')
  throw new Error('dockerd does not answer')
}

async function stop(daemon: ChildProcess, home: string): Promise<void> {
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGTERM')
  await ended
  spawnSync('umount', ['-l', `${home}/root/overlay2`])
}
