#!/usr/bin/env bash
# SQLite with mmap_size on kernel overlayfs: a connection that has read a database of a lower layer never sees what
# another one commits later, and gets no error. The first write copies the file up, and the mapping stays with the lower
# file. The change counter that would tell of the commit is read through that mapping. With mmap_size 0 the same
# connection reads the new file.
source "$(dirname "$0")/common.sh"
needs python3
kernel
echo "version:  SQLite $(python3 -c 'import sqlite3; print(sqlite3.sqlite_version)')"
mkdir lower merged
cat >try.py <<'P'
import sqlite3, subprocess, sys
mode, path = sys.argv[1:]
if mode == 'make' or mode == 'write':
    base = sqlite3.connect(path)
    if mode == 'make': base.execute('create table t(x)')
    base.execute('insert into t values (1)')
    sys.exit(base.commit())
base = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
base.execute(f'pragma mmap_size={mode}')
rows = lambda: base.execute('select count(*) from t').fetchone()[0]
before = rows()
subprocess.run([sys.executable, sys.argv[0], 'write', path], check=True)
print(f'{before} row, then {rows()}')
P
python3 try.py make lower/base
rows() { # of one mmap_size, on new layers
  rm -rf upper work && mkdir upper work
  mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
  python3 try.py "$1" merged/base
  umount merged
}
found 'without: 1 row, then 2; with mmap: 1 row, then 2' 'without: 1 row, then 2; with mmap: 1 row, then 1' \
  "without: $(rows 0); with mmap: $(rows 1048576)"
