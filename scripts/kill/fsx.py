"""
Random reads and writes of a few files, each checked against a model in memory: plain, appended, through a mapping that
lasts, truncated, punched, allocated, copied between files, renamed, unlinked while open.

    python3 fsx.py MERGED SEED STOPFILE

It ends when the stop file is there: 0, or 1 with the difference on standard error.
"""
import ctypes
import mmap
import os
import random
import sys
import zlib

MOST = 200_000
MAPPED = 65_536
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 0x10

merged, seed, stop = sys.argv[1:4]
rng = random.Random(int(seed))
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def allocate(fd, mode, at, length):
    if libc.fallocate(fd, mode, at, length) != 0:
        raise OSError(ctypes.get_errno(), f'fallocate {mode:#x} {at} {length}')


class Tested:
    """A file with its model. `mapping` covers its first bytes, whatever its size."""

    def __init__(self, name, model):
        self.path = os.path.join(merged, name)
        self.model = bytearray(model)
        self.named = True
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        self.map()

    def map(self):
        size = os.fstat(self.fd).st_size
        if size < MAPPED:
            os.ftruncate(self.fd, MAPPED)
        self.mapping = mmap.mmap(self.fd, MAPPED)
        if size < MAPPED:
            os.ftruncate(self.fd, size)

    def put(self, at, data):
        if len(self.model) < at + len(data):
            self.model.extend(bytes(at + len(data) - len(self.model)))
        self.model[at:at + len(data)] = data

    def resize(self, size):
        del self.model[size:]
        self.model.extend(bytes(size - len(self.model)))

    def close(self):
        self.mapping.close()
        os.close(self.fd)


def data():
    length = min(MOST // 4, 1 + int(rng.expovariate(1 / 6000)))
    return rng.randbytes(length)


def write(file):
    content, at = data(), rng.randrange(MOST)
    expect(os.pwrite(file.fd, content, at), len(content), 'bytes written')
    file.put(at, content)


def append(file):
    if len(file.model) > MOST or not file.named:
        return
    content = data()
    fd = os.open(file.path, os.O_WRONLY | os.O_APPEND)
    try:
        expect(os.write(fd, content), len(content), 'bytes appended')
    finally:
        os.close(fd)
    file.put(len(file.model), content)


def read(file):
    at, length = rng.randrange(MOST), rng.randrange(MOST)
    expect(os.pread(file.fd, length, at), bytes(file.model[at:at + length]), f'read at {at} of {length}')


def within_map(file):
    end = min(MAPPED, len(file.model))
    at = rng.randrange(end) if end > 0 else 0
    return at, rng.randint(0, end - at)


def map_read(file):
    at, length = within_map(file)
    expect(file.mapping[at:at + length], bytes(file.model[at:at + length]), f'mapped read at {at} of {length}')


def map_write(file):
    at, length = within_map(file)
    content = rng.randbytes(length)
    file.mapping[at:at + length] = content
    file.model[at:at + length] = content
    if rng.random() < 0.2:
        file.mapping.flush()


def truncate(file):
    size = rng.randrange(MOST)
    os.truncate(file.path if file.named and rng.random() < 0.5 else file.fd, size)
    file.resize(size)


def open_truncated(file):
    if file.named and rng.random() < 0.2:
        os.close(os.open(file.path, os.O_WRONLY | os.O_TRUNC))
        file.resize(0)


def punch(file):
    at, length = rng.randrange(MOST), rng.randint(1, MOST // 3)
    mode = rng.choice([PUNCH_HOLE, ZERO_RANGE])
    allocate(file.fd, mode | KEEP_SIZE, at, length)
    end = min(at + length, len(file.model))
    if at < end:
        file.model[at:end] = bytes(end - at)


def reserve(file):
    at, length = rng.randrange(MOST), rng.randint(1, MOST // 3)
    allocate(file.fd, 0, at, length)
    file.resize(max(len(file.model), at + length))


def copy(file):
    other = rng.choice(files)
    length = rng.randint(1, MOST // 8)
    start, at = rng.randrange(MOST), rng.randrange(MOST)
    if other is file and abs(start - at) < length:
        return
    wanted = bytes(other.model[start:start + length])
    done = 0
    while done < len(wanted):
        got = os.copy_file_range(other.fd, file.fd, len(wanted) - done, start + done, at + done)
        if got == 0:
            raise AssertionError(f'copied {done} of {len(wanted)}')
        done += got
    file.put(at, wanted) if wanted else None


def sync(file):
    rng.choice([os.fsync, os.fdatasync])(file.fd)


def reopen(file):
    if not file.named:
        return
    file.close()
    file.fd = os.open(file.path, os.O_RDWR)
    file.map()


def rename(file):
    if file.named:
        path = os.path.join(merged, f'fsx-{rng.randrange(1_000_000)}')
        os.rename(file.path, path)
        file.path = path


def unlink(file):
    """It lives on without a name for a while, then another one takes its place."""
    if file.named:
        if rng.random() < 0.2:
            os.unlink(file.path)
            file.named = False
    elif rng.random() < 0.3:
        check(file)
        file.close()
        files[files.index(file)] = Tested(f'fsx-{rng.randrange(1_000_000)}', b'')


def check(file):
    size = os.fstat(file.fd).st_size
    expect(size, len(file.model), 'size')
    wanted = zlib.crc32(file.model)
    expect(zlib.crc32(os.pread(file.fd, MOST * 3, 0)), wanted, 'checksum')
    if file.named:
        expect(os.stat(file.path).st_size, size, 'size by name')
        with open(file.path, 'rb') as again:
            expect(zlib.crc32(again.read()), wanted, 'checksum by name')


def expect(got, wanted, what):
    if got == wanted:
        return
    if isinstance(got, bytes):
        got, wanted = differing(got, wanted)
    raise AssertionError(f'{what}: {got}, not {wanted}')


def differing(got, wanted):
    if len(got) != len(wanted):
        return f'{len(got)} bytes', f'{len(wanted)} bytes'
    first = next(at for at in range(len(got)) if got[at] != wanted[at])
    count = sum(a != b for a, b in zip(got, wanted))
    return f'{got[first:first + 8].hex()} from {first} on, {count} bytes differ', wanted[first:first + 8].hex()


ACTS = [write, write, append, read, read, map_read, map_write, map_write, truncate, open_truncated, punch, reserve,
        copy, sync, reopen, rename, unlink, check]

lower = [name for name in ('n1', 'n2', 'n3') if os.path.exists(os.path.join(merged, name))]
files = []
for each in lower:
    with open(os.path.join(merged, each), 'rb') as source:
        content = source.read()
    files.append(Tested(each, content))
files.append(Tested('fsx-new', b''))

count = 0
while not os.path.exists(stop):
    count += 1
    act, file = rng.choice(ACTS), rng.choice(files)
    try:
        act(file)
    except (AssertionError, OSError) as error:
        name = os.path.basename(file.path) if file.named else 'a file without a name'
        sys.exit(f'after {count} acts, {act.__name__} of {name}: {error}')
for file in files:
    check(file)
print(f'{count} acts')
