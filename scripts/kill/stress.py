"""
Several processes that do the same at random in two trees, one in a mount and one that kernel overlayfs has mounted
over the same layers, and compare what each act says and shows:

    python3 stress.py MERGED MODEL SEED STOPFILE [PROCESSES]

Process i works below stress/i. It ends when the stop file is there: 0, or 1 with the difference on standard error.
"""
import ctypes
import errno
import os
import random
import stat
import sys
import zlib

merged, model, seed, stop = sys.argv[1:5]
processes = int(sys.argv[5]) if len(sys.argv) > 5 else 3
NOREPLACE, EXCHANGE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)
NAMES = [f'f{i}' for i in range(8)] + ['a-rather-long-name-' + 'x' * 60]
DIRECTORIES = ['.', 'd0', 'd1', 'd1/e', 'new', 'new/deep']


def called(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)


def renameat2(old, new, flags):
    called(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags), 'renameat2')


def fallocate(path, mode, at, length):
    fd = os.open(path, os.O_WRONLY)
    try:
        called(libc.fallocate(fd, mode, ctypes.c_int64(at), ctypes.c_int64(length)), 'fallocate')
    finally:
        os.close(fd)


def put(path, flags, data, at=None):
    fd = os.open(path, os.O_WRONLY | flags, 0o644)
    try:
        return os.write(fd, data) if at is None else os.pwrite(fd, data, at)
    finally:
        os.close(fd)


def content(path):
    with open(path, 'rb') as file:
        data = file.read()
    return len(data), zlib.crc32(data)


def shown(path):
    """What lstat says that two filesystems must agree on."""
    it = os.lstat(path)
    always = (oct(it.st_mode), it.st_uid, it.st_gid)
    return always if stat.S_ISDIR(it.st_mode) else (*always, it.st_size, it.st_nlink, it.st_rdev)


def marks(path):
    names = sorted(name for name in os.listxattr(path, follow_symlinks=False) if name.startswith('user.k'))
    return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]


def unnamed(directory, path, data):
    """A file that gets its name last."""
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
    try:
        os.write(fd, data)
        os.link(f'/proc/self/fd/{fd}', path, follow_symlinks=True)
    finally:
        os.close(fd)


def copied(a, b):
    source, target = os.open(a, os.O_RDONLY), -1
    try:
        target = os.open(b, os.O_WRONLY)
        return os.copy_file_range(source, target, 5000, 0, 0)
    finally:
        os.close(source)
        if target >= 0:
            os.close(target)


class Process:
    def __init__(self, number):
        self.rng = random.Random(int(seed) * 100 + number)
        self.roots = [os.path.join(root, 'stress', str(number)) for root in (merged, model)]
        self.held = []

    def place(self):
        return os.path.join(self.rng.choice(DIRECTORIES), self.rng.choice(NAMES))

    def draw(self):
        """A name for an act, and the act as a function of a root."""
        rng = self.rng
        a, b, directory = self.place(), self.place(), rng.choice(DIRECTORIES[1:])
        data, at = rng.randbytes(rng.randint(1, 9000)), rng.randrange(30_000)
        mode, owner = rng.randrange(0o1000) | 0o200, rng.randrange(3)
        acts = {
            'create': lambda p: put(p(a), os.O_CREAT | os.O_TRUNC, data),
            'exclusive': lambda p: put(p(a), os.O_CREAT | os.O_EXCL, data),
            'append': lambda p: put(p(a), os.O_APPEND, data),
            'write': lambda p: put(p(a), 0, data, at),
            'truncate': lambda p: os.truncate(p(a), at),
            'punch': lambda p: fallocate(p(a), 3, at, 4000),
            'allocate': lambda p: fallocate(p(a), 0, at, 4000),
            'copy': lambda p: copied(p(a), p(b)),
            'read': lambda p: content(p(a)),
            'stat': lambda p: shown(p(a)),
            'list': lambda p: sorted(os.listdir(p(directory))),
            'unlink': lambda p: os.unlink(p(a)),
            'mkdir': lambda p: os.mkdir(p(rng_directory)),
            'rmdir': lambda p: os.rmdir(p(rng_directory)),
            'symlink': lambda p: os.symlink(b, p(a)),
            'readlink': lambda p: os.readlink(p(a)),
            'link': lambda p: os.link(p(a), p(b), follow_symlinks=False),
            'unnamed': lambda p: unnamed(p(directory), p(a), data),
            'fifo': lambda p: os.mkfifo(p(a)) if fifo else os.mknod(p(a), 0o600 | stat.S_IFBLK, os.makedev(7, 300)),
            'chmod': lambda p: os.chmod(p(a), mode),
            'chown': lambda p: os.chown(p(a), owner, owner, follow_symlinks=False),
            'utime': lambda p: os.utime(p(a), ns=(at, at), follow_symlinks=False),
            'mark': lambda p: os.setxattr(p(a), f'user.k{owner}', data[:50], flags=mark_flags),
            'unmark': lambda p: os.removexattr(p(a), f'user.k{owner}'),
            'marks': lambda p: marks(p(a)),
            'rename': lambda p: os.rename(p(a), p(b)),
            'rename directory': lambda p: os.rename(p(directory), p(b)),
            'exchange': lambda p: renameat2(p(a), p(b), EXCHANGE),
            'not over': lambda p: renameat2(p(a), p(b), NOREPLACE),
        }
        rng_directory, fifo, mark_flags = rng.choice([a, directory]), rng.random() < 0.5, rng.randrange(3)
        name = rng.choice(list(acts))
        return f'{name} {a} {b} {rng_directory} {at}', acts[name]

    def in_both(self, words, act):
        results = []
        for root in self.roots:
            try:
                results.append(act(lambda path: os.path.join(root, path)))
            except OSError as error:
                results.append(errno.errorcode.get(error.errno, error.errno))
        if results[0] != results[1]:
            raise AssertionError(f'{words}: {short(results[0])} here, {short(results[1])} on kernel overlayfs')

    def run(self):
        count = 0
        while not os.path.exists(stop):
            count += 1
            # A name that leads to a pipe would wait for its other end.
            words, act = self.draw()
            if words.split()[0] in ('create', 'exclusive', 'append', 'write', 'punch', 'allocate', 'copy', 'read') and \
                    any(is_special(os.path.join(self.roots[1], path)) for path in words.split()[1:3]):
                continue
            self.in_both(words, act)
        self.compare('.')
        return count

    def compare(self, path):
        self.in_both(f'at the end, {path}', lambda p: (shown(p(path)), marks(p(path))))
        here = os.path.join(self.roots[1], path)
        if os.path.islink(here):
            self.in_both(f'at the end, {path}', lambda p: os.readlink(p(path)))
        elif os.path.isdir(here):
            self.in_both(f'at the end, {path}', lambda p: sorted(os.listdir(p(path))))
            for name in os.listdir(here):
                self.compare(os.path.join(path, name))
        elif os.path.isfile(here):
            self.in_both(f'at the end, {path}', lambda p: content(p(path)))


def is_special(path):
    try:
        return not (stat.S_ISREG(os.stat(path).st_mode) or stat.S_ISDIR(os.stat(path).st_mode))
    except OSError:
        return False


def short(result):
    text = str(result)
    return text if len(text) < 160 else f'{text[:160]}…'


def child(number):
    try:
        print(Process(number).run(), 'acts in process', number, flush=True)
    except (AssertionError, OSError) as error:
        print(f'process {number}: {error}', file=sys.stderr)
        return 1
    return 0


os.umask(0o022)
pids = []
for each in range(processes):
    pid = os.fork()
    if pid == 0:
        os._exit(child(each))
    pids.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
sys.exit(max(codes))
