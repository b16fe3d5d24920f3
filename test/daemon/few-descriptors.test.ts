/** A mount that may have 64 descriptors and no more does all the same what any mount does. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { notInstalled } from '../tools/installed.js'
import { MAIN, needsRoot, workspace } from './harness.js'

const skip = needsRoot.skip || notInstalled('prlimit', 'diff')
const DIRECTORIES = 150

/** 60 files are kept open at once for writing, more than there are descriptors for. */
const LOAD = `set -e; cd "$1"; cp -r . ../copy; diff -r . ../copy; test $(find . -type f | wc -l) = ${2 * DIRECTORIES + 2}
for i in $(seq 60); do echo more >>d$i/f; done; test $(cat d*/f | wc -l) = ${DIRECTORIES + 60}
for i in $(seq 60); do eval "exec $((i + 10))<>d$i/s/g"; eval "echo open >&$((i + 10))"; done
test $(cat d*/s/g | grep -c open) = 60
for i in $(seq 60); do eval "exec $((i + 10))>&-"; done
rm -r d*; test $(ls | wc -l) = 2`

for (const data of ['passthrough', 'cached'])
  test(`a mount with 64 descriptors: ${data}`, { skip }, (t) => {
    const w = workspace(t)
    for (let i = 1; i <= DIRECTORIES; i++) {
      mkdirSync(join(w.base, `d${i}/s`), { recursive: true })
      writeFileSync(join(w.base, `d${i}/f`), `${i}\n`)
      writeFileSync(join(w.base, `d${i}/s/g`), `${i}\n`)
    }
    const mount = [process.execPath, MAIN, 'mount', '-o', `${w.options},data=${data}`, w.merged]
    const { status, stderr } = spawnSync('prlimit', ['--nofile=64:64', ...mount], { encoding: 'utf8', env: w.env })
    assert.equal(status, 0, stderr)
    const load = spawnSync('bash', ['-c', LOAD, 'load', w.merged], { encoding: 'utf8', timeout: 120_000 })
    assert.equal(load.status, 0, load.stderr)
  })
