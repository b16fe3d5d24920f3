/**
 * What runs in a mount while its server is killed: each begins again until the stop file is there, and ends with an
 * error when anything went wrong.
 */
import { fileURLToPath } from 'node:url'

export interface KillWorkload {
  readonly name: string
  /** Programs it takes. */
  readonly needs: readonly string[]
  /** The command; `stop`: the file that ends it. */
  command(places: WorkPlaces, seed: number): readonly string[]
}

export interface WorkPlaces {
  readonly merged: string
  /** Beside the mount, empty or as the merged tree was. */
  readonly model: string
  readonly stop: string
  /** A tree to be packed, cloned or copied, outside. */
  readonly material: string
}

function script(lines: string): KillWorkload['command'] {
  const body = `set -e; cd "$1"; i=0; while [ ! -e "$2" ]; do i=$((i+1)); ${lines}\ndone`
  return ({ merged, stop, material }) => ['sh', '-c', body, 'sh', merged, stop, material]
}

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
    name: 'SQLite in WAL mode',
    needs: ['sqlite3'],
    command: script(
      `sqlite3 db "${SQL}" >/dev/null; [ "$(sqlite3 db 'PRAGMA integrity_check')" = ok ]; [ $i -lt 30 ] || { rm db*; i=0; }`,
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
]
