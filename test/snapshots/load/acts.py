"""Random acts on names below a directory, until a file `stop` is there.

Arguments: the directory, a log (not used), the stop file, a seed. Several may run at a time, so that names come and go
under each other; an error that this does not explain ends it.
"""
import errno, os, random, sys, time

top, _, stop, seed = sys.argv[1:5]
dice = random.Random(int(seed))
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EINVAL, errno.ELOOP,
            errno.EXDEV, errno.EPERM, errno.ENODATA}
held = []


def name():
    return os.path.join(top, *(f'd{dice.randrange(4)}' for _ in range(dice.randrange(3))), f'n{dice.randrange(12)}')


def directory():
    return os.path.join(top, *(f'd{dice.randrange(4)}' for _ in range(dice.randrange(1, 4))))


def write():
    with open(name(), 'wb') as file:
        file.write(dice.randbytes(dice.randrange(20000)))


def append():
    with open(name(), 'ab') as file:
        file.write(dice.randbytes(dice.randrange(3000)))


def hold():
    held.append(os.open(name(), os.O_RDWR | os.O_CREAT, 0o644))


def use_held():
    if held:
        fd = held[dice.randrange(len(held))]
        os.pwrite(fd, dice.randbytes(500), dice.randrange(30000))
        os.pread(fd, 4096, 0)
    if len(held) > 6:
        os.close(held.pop(0))


ACTS = [
    write, append, hold, use_held,
    lambda: os.mkdir(directory()),
    lambda: os.rmdir(directory()),
    lambda: os.rename(directory(), directory()),
    lambda: os.unlink(name()),
    lambda: os.rename(name(), name()),
    lambda: os.link(name(), name()),
    lambda: os.symlink('n1', name()),
    lambda: os.truncate(name(), dice.randrange(9000)),
    lambda: os.chmod(name(), 0o600 + dice.randrange(64)),
    lambda: os.utime(name(), ns=(10**18, 10**18 + dice.randrange(10**9))),
    lambda: os.setxattr(name(), 'user.note', dice.randbytes(20)),
    lambda: os.listdir(directory()),
    lambda: open(name(), 'rb').read(),
    lambda: os.stat(name()),
]

while not os.path.exists(stop):
    try:
        dice.choice(ACTS)()
    except OSError as error:
        if error.errno not in EXPECTED:
            raise
    if dice.random() < 0.2:
        time.sleep(dice.random() * 0.01)
