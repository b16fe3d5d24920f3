"""Writes transactions to an SQLite database in WAL mode, until a file `stop` is there.

Arguments: the database, a log, the stop file, a seed. All accounts have the same sum always. The log has a line for each
transaction that was committed: its number, and when that was known (seconds).
"""
import os, random, sqlite3, sys, time

path, log, stop, seed = sys.argv[1:5]
dice = random.Random(int(seed))
said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
ACCOUNTS = 50
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute('PRAGMA journal_mode=WAL')
db.execute('PRAGMA synchronous=NORMAL')
db.execute('PRAGMA wal_autocheckpoint=40')
db.execute('BEGIN')
db.execute('CREATE TABLE accounts(id INTEGER PRIMARY KEY, sum INTEGER)')
db.execute('CREATE TABLE moves(number INTEGER PRIMARY KEY, a INTEGER, b INTEGER, text BLOB)')
db.execute('CREATE INDEX by_text ON moves(text)')
db.executemany('INSERT INTO accounts VALUES(?, 1000)', [(each,) for each in range(ACCOUNTS)])
db.execute('COMMIT')
number = 0
while not os.path.exists(stop):
    number += 1
    a, b, sum = dice.randrange(ACCOUNTS), dice.randrange(ACCOUNTS), dice.randrange(100)
    db.execute('BEGIN IMMEDIATE')
    db.execute('UPDATE accounts SET sum = sum - ? WHERE id = ?', (sum, a))
    db.execute('UPDATE accounts SET sum = sum + ? WHERE id = ?', (sum, b))
    db.execute('INSERT INTO moves VALUES(?, ?, ?, ?)', (number, a, b, dice.randbytes(dice.randrange(900))))
    if number > 300:
        db.execute('DELETE FROM moves WHERE number = ?', (number - 300,))
    db.execute('COMMIT')
    os.write(said, f'{number} {time.time():.6f}\n'.encode())
    if dice.random() < 0.01:
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    time.sleep(dice.random() * 0.006)
if db.execute('PRAGMA integrity_check').fetchall() != [('ok',)]:
    sys.exit('the database is damaged')
db.close()
