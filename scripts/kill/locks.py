"""
Locks held through a mount, and asked for by others all the time: flock, POSIX, those of an open file, and a lease.

    python3 locks.py MERGED STOPFILE

Nobody gets what is held, whoever waits gets it when it is let go of, and the holder stays who it is. It ends when the
stop file is there: 0, or 1 with what was wrong on standard error.
"""
import fcntl
import os
import signal
import struct
import sys
import time

merged, stop = sys.argv[1:3]
F_OFD_SETLK, F_SETLEASE, F_GETLEASE = 37, 1024, 1025
LATE = 20


def path(name):
    return os.path.join(merged, name)


def flock(kind, start, length):
    return struct.pack('hhqqi', kind, os.SEEK_SET, start, length, 0)


def opened(name):
    return os.open(path(name), os.O_RDWR | os.O_CREAT, 0o644)


def is_refused(act, what):
    try:
        act()
    except OSError as error:
        if error.errno in (11, 13):
            return
        raise AssertionError(f'{what}: {error}') from None
    raise AssertionError(f'{what} was given to two')


def hold(ready, told, is_asked):
    """Holds one of each until told to let go. Who is asked for its lease is told to give it up."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    whole, ranged, own, leased = opened('l-flock'), opened('l-posix'), opened('l-own'), opened('l-lease')
    fcntl.flock(whole, fcntl.LOCK_EX)
    fcntl.lockf(ranged, fcntl.LOCK_EX, 100, 50)
    fcntl.fcntl(own, F_OFD_SETLK, flock(fcntl.F_WRLCK, 10, 10))
    has_lease = lease(leased)
    os.write(ready, b'1' if has_lease else b'0')
    os.read(told, 1)
    if has_lease and not is_asked and fcntl.fcntl(leased, F_GETLEASE) != fcntl.F_WRLCK:
        os._exit(3)
    os._exit(0)


def lease(fd):
    try:
        fcntl.fcntl(fd, F_SETLEASE, fcntl.F_WRLCK)
        return True
    except OSError:
        return False


def wait_for(name, act, done):
    """Waits for what is held; tells when it has it."""
    fd = opened(name)
    act(fd)
    os.write(done, b'1')
    os._exit(0)


def forked(act, *args):
    pid = os.fork()
    if pid == 0:
        try:
            act(*args)
        finally:
            os._exit(9)
    return pid


def probe(holder, has_lease):
    """Nobody else gets any of it."""
    whole, ranged, own = opened('l-flock'), opened('l-posix'), opened('l-own')
    try:
        is_refused(lambda: fcntl.flock(whole, fcntl.LOCK_EX | fcntl.LOCK_NB), 'flock')
        is_refused(lambda: fcntl.lockf(ranged, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 120), 'a POSIX lock')
        fcntl.lockf(ranged, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)
        fcntl.lockf(ranged, fcntl.LOCK_UN, 10, 0)
        is_refused(lambda: fcntl.fcntl(own, F_OFD_SETLK, flock(fcntl.F_RDLCK, 15, 1)), 'the lock of an open file')
        kind, _, start, length, pid = struct.unpack(
            'hhqqi', fcntl.fcntl(ranged, fcntl.F_GETLK, flock(fcntl.F_WRLCK, 0, 0)))
        if (kind, start, length, pid) != (fcntl.F_WRLCK, 50, 100, holder):
            raise AssertionError(f'a POSIX lock is told as {(kind, start, length, pid)}, not that of {holder}')
    finally:
        for fd in (whole, ranged, own):
            os.close(fd)
    if has_lease:
        is_refused(lambda: os.close(os.open(path('l-lease'), os.O_RDWR | os.O_NONBLOCK)), 'a file under a lease')


def turn(number):
    ready, says = os.pipe()
    hears, tell = os.pipe()
    is_asked = number % 4 != 0
    holder = forked(hold, says, hears, is_asked)
    has_lease = os.read(ready, 1) == b'1'
    done, gives = os.pipe()
    waiters = [forked(wait_for, 'l-flock', lambda fd: fcntl.flock(fd, fcntl.LOCK_EX), gives),
               forked(wait_for, 'l-posix', lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX, 100, 50), gives)]
    until = time.monotonic() + 0.1 + (number * 37 % 100) / 100
    while time.monotonic() < until:
        probe(holder, has_lease and is_asked)
    os.write(tell, b'1')
    signal.alarm(LATE)
    for pid in (holder, *waiters):
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != 0:
            raise AssertionError(f'a process that holds or waits ended with {code}')
    signal.alarm(0)
    for fd in (ready, says, hears, tell, done, gives):
        os.close(fd)


count = 0
try:
    while not os.path.exists(stop):
        turn(count)
        count += 1
except (AssertionError, OSError) as error:
    sys.exit(f'in turn {count}: {error}')
print(f'{count} turns')
