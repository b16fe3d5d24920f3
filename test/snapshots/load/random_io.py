"""Random I/O on one file in step with bytes in memory, until a file `stop` is there.

Arguments: the file, a log, the stop file, a seed. What the file has to hold is compared all the time, by the descriptor,
by the mapping and by a reader that opens it anew. The log has a line for each change: when it began, when it had ended
(seconds), and the checksum of all that the file held then. A write may reach the file in two requests, which part at a page: the lines
before its own are of what the file held in between.
"""
import hashlib, mmap, os, random, struct, sys, time

path, log, stop, seed = sys.argv[1:5]
dice = random.Random(int(seed))
MOST = 96 * 1024
said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
fd = os.open(path, os.O_RDWR)
content = bytearray(open(path, 'rb').read())
PAGE = 4096
# Of the last change, what the file may have held in between.
between = []


def fail(what):
    sys.exit(f'{path}: {what}')


def note_parts(at, data):
    for cut in range((at // PAGE + 1) * PAGE - at, len(data), PAGE):
        part = bytearray(content)
        part[at:at + cut] = data[:cut]
        between.append(hashlib.sha1(part).hexdigest())


def write(at, data):
    if at > len(content):
        content.extend(bytes(at - len(content)))
    note_parts(at, data)
    content[at:at + len(data)] = data
    if os.pwrite(fd, data, at) != len(data):
        fail('a short write')


def resize(size):
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
    os.ftruncate(fd, size)


def append(data):
    note_parts(len(content), data)
    content.extend(data)
    other = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(other, data)
    os.close(other)


def store(at, word):
    """Through a shared mapping: eight bytes, which a processor writes at once."""
    with mmap.mmap(fd, 0) as mapped:
        mapped[at:at + 8] = word
        if dice.random() < 0.5:
            mapped.flush()
    content[at:at + 8] = word


def reopen():
    global fd
    os.close(fd)
    fd = os.open(path, os.O_RDWR)


def compare():
    other = os.open(path, os.O_RDONLY)
    for each in (fd, other):
        if os.pread(each, MOST * 2, 0) != content:
            fail('the content is not what was written')
    if os.fstat(fd).st_size != len(content) or os.stat(path).st_size != len(content):
        fail('the size is not what was written')
    os.close(other)


def change():
    which = dice.randrange(100)
    size = len(content)
    if which < 45:
        write(dice.randrange(max(1, min(size + 5000, MOST - 20000))), dice.randbytes(dice.randrange(1, 20000)))
    elif which < 60:
        resize(dice.randrange(MOST))
    elif which < 70 and size < MOST - 9000:
        append(dice.randbytes(dice.randrange(1, 9000)))
    elif which < 90 and size >= 4096:
        store(dice.randrange(size // 8) * 8, struct.pack('d', dice.random()))
    elif which < 95:
        os.fsync(fd)
    else:
        reopen()


def note(begun, ended):
    sums = [*between, hashlib.sha1(content).hexdigest()]
    os.write(said, ''.join(f'{begun:.6f} {ended:.6f} {each}\n' for each in sums).encode())
    between.clear()


note(time.time(), time.time())
done = 0
while not os.path.exists(stop):
    begun = time.time()
    change()
    note(begun, time.time())
    done += 1
    if done % 8 == 0:
        compare()
    time.sleep(dice.random() * 0.004)
compare()
