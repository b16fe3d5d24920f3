/**
 * What a program does to a mount with a limit, as a Python script, because Node has neither mmap nor fallocate nor
 * extended attributes: a random history of everything that changes what an upper takes up. `COUNT` is the other way of
 * counting: a walk through the upper, each inode once, as du goes.
 */

/** Arguments: directory, seed, operations. Prints `{"refused": N, "done": N}`. */
export const WRITER = String.raw`
import os, sys, random, errno, mmap, json, ctypes
root, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
r = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
os.chdir(root)
open_unlinked = []
def everything():
    files, dirs = [], ['.']
    for at, ds, fs in os.walk('.'):
        files += [os.path.join(at, f) for f in fs]
        dirs += [os.path.join(at, d) for d in ds]
    return sorted(files), sorted(dirs)
def name(dirs): return os.path.join(r.choice(dirs), 'n%d' % r.randrange(60))
def write(fd, most):
    os.lseek(fd, r.choice([0, 0, r.randrange(1 << 20)]), 0)
    os.write(fd, bytes([r.randrange(256)]) * r.randrange(1, most))
def act(kind, files, dirs):
    f = r.choice(files) if files else name(dirs)
    if kind == 'create':
        fd = os.open(name(dirs), os.O_CREAT | os.O_NONBLOCK | os.O_RDWR | r.choice([0, os.O_TRUNC, os.O_EXCL]), 0o644)
        try: write(fd, 200000)
        finally: os.close(fd)
    elif kind == 'write':
        fd = os.open(f, os.O_NONBLOCK | os.O_RDWR)
        try:
            for _ in range(r.randrange(1, 12)): write(fd, 9000)
        finally: os.close(fd)
    elif kind == 'append':
        fd = os.open(f, os.O_NONBLOCK | os.O_WRONLY | os.O_APPEND)
        try: os.write(fd, b'x' * r.randrange(1, 30000))
        finally: os.close(fd)
    elif kind == 'truncate': os.truncate(f, r.choice([0, r.randrange(300000)]))
    elif kind == 'fallocate':
        fd = os.open(f, os.O_NONBLOCK | os.O_RDWR)
        try:
            if libc.fallocate(fd, r.choice([0, 1, 3]), r.randrange(100) * 4096, r.randrange(1, 30) * 4096) < 0:
                raise OSError(ctypes.get_errno(), 'fallocate')
        finally: os.close(fd)
    elif kind == 'mmap':
        fd = os.open(f, os.O_NONBLOCK | os.O_RDWR)
        try:
            size = os.fstat(fd).st_size
            if size > 0:
                with mmap.mmap(fd, size) as m:
                    m[r.randrange(size)] = 7
                    m.flush()
        finally: os.close(fd)
    elif kind == 'copyrange':
        a, b = os.open(f, os.O_NONBLOCK | os.O_RDONLY), os.open(name(dirs), os.O_CREAT | os.O_NONBLOCK | os.O_RDWR, 0o644)
        try: os.copy_file_range(a, b, 150000)
        finally: os.close(a); os.close(b)
    elif kind == 'link': os.link(f, name(dirs), follow_symlinks=False)
    elif kind == 'symlink': os.symlink('t' * r.choice([5, 300]), name(dirs))
    elif kind == 'fifo': os.mkfifo(name(dirs))
    elif kind == 'mkdir': os.mkdir(name(dirs))
    elif kind == 'unlink': os.unlink(f)
    elif kind == 'rmdir': os.rmdir(r.choice(dirs))
    elif kind == 'rename': os.rename(r.choice(files + dirs), name(dirs))
    elif kind == 'chmod': os.chmod(r.choice(files + dirs), r.choice([0o600, 0o644, 0o755]))
    elif kind == 'xattr': os.setxattr(r.choice(files + dirs), 'user.t%d' % r.randrange(3), b'v' * r.choice([10, 3000]))
    elif kind == 'hold':
        fd = os.open(f, os.O_NONBLOCK | os.O_RDWR)
        open_unlinked.append(fd)
        os.unlink(f)
        write(fd, 50000)
    elif kind == 'release' and open_unlinked: os.close(open_unlinked.pop(r.randrange(len(open_unlinked))))
    elif kind == 'tmpfile':
        fd = os.open(r.choice(dirs), os.O_TMPFILE | os.O_NONBLOCK | os.O_RDWR, 0o600)
        try:
            write(fd, 20000)
            if r.random() < .5: libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, name(dirs).encode(), 0x400)
        finally: os.close(fd)
KINDS = 'create write append truncate fallocate mmap copyrange link symlink fifo mkdir unlink unlink rmdir rename ' \
        'rename chmod xattr hold release tmpfile'
told = {'done': 0, 'refused': 0, 'other': {}}
for i in range(count):
    files, dirs = everything()
    kind = r.choice(KINDS.split())
    try:
        act(kind, files, dirs)
        told['done'] += 1
    except OSError as e:
        word = errno.errorcode.get(e.errno, str(e.errno))
        if e.errno == errno.ENOSPC: told['refused'] += 1
        else: told['other'][word] = told['other'].get(word, 0) + 1
print(json.dumps(told), flush=True)
if len(sys.argv) > 4: sys.stdin.readline()
`

/** Arguments: the upper, and `index/` of the workdir. Prints `{"bytes": N, "inodes": N}`. */
export const COUNT = `
import os, sys, stat, json, subprocess
seen = {}
def see(path):
    st = os.lstat(path)
    if not (stat.S_ISCHR(st.st_mode) and st.st_rdev == 0): seen[st.st_ino] = st.st_blocks * 512
upper, index = sys.argv[1], sys.argv[2]
subprocess.run(['sync', '-f', upper])
see(upper)
store = os.path.join(os.path.dirname(index), 'snapshots')
layers = [os.path.join(store, n) for n in os.listdir(store) if n.isdigit()] if os.path.isdir(store) else []
for layer in layers: see(layer)
for top in (upper, index, *layers):
    for at, ds, fs in os.walk(top):
        for one in ds + fs: see(os.path.join(at, one))
print(json.dumps({'bytes': sum(seen.values()), 'inodes': len(seen)}))
`
