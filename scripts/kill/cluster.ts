/** A postgres cluster in the lower layer, with pgbench's tables in it. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { WorkPlaces } from './places.js'

const MAKE = `
  set -e; bin=$(pg_config --bindir); as="setpriv --reuid=postgres --regid=postgres --clear-groups"
  chown -R postgres: "$1" "$2"
  $as $bin/initdb -D "$1/data" -A trust -k --no-sync >/dev/null
  $as $bin/pg_ctl -D "$1/data" -w -l "$2/first.log" -o "-c listen_addresses= -k $2 -c fsync=off" start >/dev/null
  $as createdb -h "$2" bench
  $as pgbench -h "$2" -q -i -s 1 bench 2>/dev/null
  $as $bin/pg_ctl -D "$1/data" -w -m fast stop >/dev/null
  sed -i '/fsync=off/d' "$1/data/postmaster.opts"`

export function makeCluster({ root, lower, material }: WorkPlaces): void {
  const own = join(lower, 'pg')
  fs.mkdirSync(own)
  // Its programs run as a user of their own.
  for (const directory of [root, lower, material]) fs.chmodSync(directory, 0o755)
  execFileSync('sh', ['-c', MAKE, 'sh', own, material], { cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] })
}
