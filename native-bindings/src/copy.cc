// The content of a copy-up: cloned where the filesystem can, else data extents only, so that holes stay holes. Each
// way that is not possible here leads to the next; errors that the next would meet too (ENOSPC, EDQUOT, EIO) end it.
// A source that shrinks meanwhile leaves a hole at the end, never an endless loop.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>

#include "io.h"
#include "place.h"

namespace stratafs {

namespace {

constexpr size_t kChunk = 256 * 1024;
constexpr int64_t kRangeChunk = int64_t{1} << 30;

// One copy: what its steps share.
struct Copy {
  int from;
  int to;
  bool inKernel = true;  // copy_file_range has not been refused yet
  std::unique_ptr<uint8_t[]> buffer{};
  int64_t copied = 0;
};

// True where copy_file_range is not for these files, but reading and writing may be.
bool refused(int error) {
  return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS || error == EPERM ||
         error == EBADF || error == ETXTBSY || error == EOVERFLOW;
}

// Bytes moved, 0 at the end of the source, or -errno.
int64_t moveInKernel(Copy& copy, int64_t at, int64_t length) {
  for (;;) {
    int64_t in = at, out = at;
    size_t want = static_cast<size_t>(std::min(length, kRangeChunk));
    ssize_t moved = ::copy_file_range(copy.from, &in, copy.to, &out, want, 0);
    if (moved >= 0) return moved;
    if (errno != EINTR) return -errno;
  }
}

int64_t moveByHand(Copy& copy, int64_t at, int64_t length) {
  if (!copy.buffer) copy.buffer.reset(new uint8_t[kChunk]);
  size_t want = static_cast<size_t>(std::min<int64_t>(length, kChunk));
  int64_t got = preadAll(copy.from, copy.buffer.get(), want, at);
  for (int64_t done = 0; done < got;) {
    int64_t put = pwriteAll(copy.to, copy.buffer.get() + done, static_cast<size_t>(got - done), at + done);
    if (put < 0) return put;
    if (put == 0) return -EIO;
    done += put;
  }
  return got;
}

// Some filesystems answer 0 to copy_file_range though there is data (procfs and the like): reading decides.
int64_t moveSome(Copy& copy, int64_t at, int64_t length) {
  if (copy.inKernel) {
    int64_t moved = moveInKernel(copy, at, length);
    if (moved > 0) return moved;
    if (moved < 0 && !refused(static_cast<int>(-moved))) return moved;
    copy.inKernel = false;
  }
  return moveByHand(copy, at, length);
}

// [from, to) of data; 0 or -errno.
int64_t copyExtent(Copy& copy, int64_t at, int64_t end) {
  while (at < end) {
    int64_t moved = moveSome(copy, at, end - at);
    if (moved < 0) return moved;
    if (moved == 0) return 0;
    at += moved;
    copy.copied += moved;
  }
  return 0;
}

// Where the next data at or after `at` begins: `size` when there is none. No SEEK_DATA: everything is data.
int64_t dataFrom(int fd, int64_t at, int64_t size) {
  int64_t data = ::lseek(fd, at, SEEK_DATA);
  if (data >= 0) return std::min(data, size);
  if (errno == ENXIO) return size;
  return errno == EINVAL || errno == EOPNOTSUPP ? at : -errno;
}

// Where the data at `at` ends. A hole made there since then must not stop the walk.
int64_t dataUntil(int fd, int64_t at, int64_t size) {
  int64_t hole = ::lseek(fd, at, SEEK_HOLE);
  return hole > at ? std::min(hole, size) : hole < 0 ? size : std::min(at + 4096, size);
}

int64_t copyExtents(Copy& copy, int64_t size) {
  for (int64_t at = 0; at < size;) {
    int64_t data = dataFrom(copy.from, at, size);
    if (data < 0) return data;
    if (data >= size) break;
    at = dataUntil(copy.from, data, size);
    int64_t error = copyExtent(copy, data, at);
    if (error < 0) return error;
  }
  return 0;
}

int64_t copyContent(Call&, int from, int to, int64_t size) {
  if (size < 0) return -EINVAL;
  Copy copy{from, to};
  bool cloned = size > 0 && ::ioctl(to, FICLONE, from) == 0;
  int64_t error = cloned ? 0 : copyExtents(copy, size);
  if (error < 0) return error;
  if (::ftruncate(to, size) != 0) return -errno;
  return copy.copied;
}

}  // namespace

void describeCopy(Table& table) { table.add<copyContent>("copyContent"); }

}  // namespace stratafs
