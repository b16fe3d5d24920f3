/**
 * What runs in a mount while its server is killed: each begins again until the stop file is there, and ends with an
 * error when anything went wrong.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkoutRoot } from '../checkout.js'
import { makeChroot } from './chroot.js'
import { makeCluster } from './cluster.js'
import { makeStressTree, mountKernel } from './kernel-side.js'
import type { WorkPlaces } from './places.js'

export interface KillWorkload {
  readonly name: string
  /** Programs it takes. */
  readonly needs: readonly string[]
  /** It acts as several users, or makes devices. */
  readonly ofRoot?: true
  /** Adds to the lower layer what it works on. */
  readonly fill?: (places: WorkPlaces) => void
  /** Before it runs, and the mount is there. */
  readonly begin?: (places: WorkPlaces) => void
  /** The command; `stop`: the file that ends it. */
  command(places: WorkPlaces, seed: number): readonly string[]
}

function script(lines: string): KillWorkload['command'] {
  const body = `set -e; exec 4>&1; cd "$1"; i=0; while [ ! -e "$2" ]; do i=$((i+1)); ${lines}\ndone; echo $i turns >&4`
  return ({ merged, stop, material }) => ['sh', '-c', body, 'sh', merged, stop, material]
}

/** A program of this folder in Python: the arguments that `arguments` names. */
function python(file: string, words: (places: WorkPlaces, seed: number) => string[]): KillWorkload['command'] {
  return (places, seed) => ['python3', join(checkoutRoot(), 'scripts/kill', file), ...words(places, seed)]
}

const DPKG = [
  'for version in 1 2; do chroot . dpkg -i /debs/kill-$version.deb; [ -z "$(chroot . dpkg -V killed)" ]',
  '[ "$(cat usr/share/killed/version)" = $version ]; done',
  'chroot . dpkg --purge killed; [ ! -e usr/share/killed ]; [ ! -e etc/killed.conf ]; [ -z "$(chroot . dpkg --audit)" ]',
].join('; ')

/** $1: the mount; a second cluster life with each turn, ended without a checkpoint in every other one. */
const POSTGRES = `
  cd pg; bin=$(pg_config --bindir); as="setpriv --reuid=postgres --regid=postgres --clear-groups"
  $as $bin/pg_ctl -D data -w -t 90 -l "$3/pg.log" -o "-c listen_addresses= -k $3" start >/dev/null
  trap '$as $bin/pg_ctl -D data -m immediate stop >/dev/null 2>&1' EXIT
  n=0; while [ ! -e "$2" ] && [ $n -lt 3 ]; do n=$((n+1))
    $as pgbench -h "$3" -c 3 -T 1 bench 2>&1 | tee "$3/pgbench.log" | grep -q 'failed transactions: 0'
    ! grep -i 'abort|error' "$3/pgbench.log"; done
  [ "$($as psql -h "$3" -Atc 'select sum(abalance)-(select sum(bbalance) from pgbench_branches) from pgbench_accounts' bench)" = 0 ]
  $as $bin/pg_amcheck -h "$3" --heapallindexed --install-missing bench
  [ $((i%2)) = 0 ] && mode=immediate || mode=fast
  $as $bin/pg_ctl -D data -w -t 90 -m $mode stop >/dev/null; trap - EXIT
  [ $mode = immediate ] || $as $bin/pg_checksums --check -D data >/dev/null; ! grep 'PANIC|FATAL:.*could not' "$3/pg.log"; cd ..`

const SQL = [
  'PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b TEXT);',
  'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<200) INSERT INTO t(b) SELECT hex(randomblob(200)) FROM n;',
  'UPDATE t SET b=hex(randomblob(100)) WHERE a%7=0; DELETE FROM t WHERE a%11=0;',
].join(' ')

export const killWorkloads: readonly KillWorkload[] = [
  {
    name: 'random acts in step with a model',
    needs: [],
    command: ({ merged, model, stop }, seed) => [
      process.execPath,
      fileURLToPath(new URL('./model.js', import.meta.url)),
      merged,
      model,
      String(seed),
      stop,
    ],
  },
  {
    name: 'snapshots made and removed under random acts',
    ofRoot: true,
    needs: [],
    command: ({ root, merged, model, stop }, seed) => [
      process.execPath,
      fileURLToPath(new URL('./snapshotting.js', import.meta.url)),
      ...[merged, model, String(seed), stop],
      join(checkoutRoot(), 'native-bindings/build/Release/launch'),
      join(root, 'work'),
    ],
  },
  {
    name: 'SQLite in WAL mode',
    needs: ['sqlite3'],
    command: script(
      `sqlite3 db "${SQL}" >/dev/null; [ "$(sqlite3 db 'PRAGMA integrity_check')" = ok ]; [ $((i%30)) -ne 0 ] || rm db*`,
    ),
  },
  {
    name: 'git clone and commit',
    needs: ['git'],
    command: script(
      `rm -rf g; git clone -q "$3/repo" g; cd g; echo $i > new$i; git add -A; ` +
        `git -c user.name=a -c user.email=a@b commit -qm $i; git status --porcelain | (! grep .); git fsck >/dev/null 2>&1; cd ..`,
    ),
  },
  {
    name: 'tar x, diff, rm -rf',
    needs: ['tar', 'diff'],
    command: script('mkdir x; tar xf "$3/tree.tar" -C x; diff -r x/tree "$3/tree"; rm -rf x'),
  },
  {
    name: 'cp of a lower tree, rm -rf',
    needs: ['diff'],
    command: script(
      'cp -a big copy; diff -r copy "$3/tree"; mv copy copy2; find copy2 -type f | xargs chmod 600; rm -rf copy2',
    ),
  },
  {
    name: 'find and read all',
    needs: ['find', 'cksum'],
    command: script('[ "$(find big -type f | sort | xargs cat | cksum)" = "$(cat "$3/sum")" ]; ls -lR big >/dev/null'),
  },
  {
    name: 'fsx',
    needs: ['python3'],
    command: python('fsx.py', ({ merged, stop }, seed) => [merged, String(seed), stop]),
  },
  {
    name: 'stress in step with kernel overlayfs',
    ofRoot: true,
    needs: ['python3'],
    fill: makeStressTree,
    begin: mountKernel,
    command: python('stress.py', ({ merged, kernel, stop }, seed) => [merged, kernel, String(seed), stop]),
  },
  {
    name: 'locks',
    needs: ['python3'],
    command: python('locks.py', ({ merged, stop }) => [merged, stop]),
  },
  {
    name: 'dpkg in a chroot',
    ofRoot: true,
    needs: ['dpkg-deb', 'chroot', 'ldd'],
    fill: makeChroot,
    command: script(`exec >/dev/null; ${DPKG}`),
  },
  {
    name: 'postgres with pgbench',
    ofRoot: true,
    needs: ['pg_config', 'pgbench', 'setpriv'],
    fill: makeCluster,
    command: script(POSTGRES),
  },
]
