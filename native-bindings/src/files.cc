// Calls on an open file; on one that is being filled (fill.h) they go to where its content is.
#include "io.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include "bridge.h"
#include "fill.h"

namespace stratafs {

namespace {

bool within(Bytes bytes, int64_t at, int64_t length) {
  return at >= 0 && length >= 0 && static_cast<uint64_t>(at) + static_cast<uint64_t>(length) <= bytes.length;
}

int64_t pread(Call&, int fd, Bytes into, int64_t at, int64_t length, int64_t offset) {
  if (!within(into, at, length)) return -EINVAL;
  Fill* fill = fillOf(fd);
  if (fill) return fill->read(into.data + at, static_cast<size_t>(length), offset);
  return preadAll(fd, into.data + at, static_cast<size_t>(length), offset);
}

int64_t pwrite(Call&, int fd, Bytes from, int64_t at, int64_t length, int64_t offset) {
  if (!within(from, at, length)) return -EINVAL;
  Fill* fill = fillOf(fd);
  if (fill) return fill->write(from.data + at, static_cast<size_t>(length), offset);
  return pwriteAll(fd, from.data + at, static_cast<size_t>(length), offset);
}

int64_t ftruncate(Call&, int fd, int64_t size) {
  Fill* fill = fillOf(fd);
  return fill ? fill->truncate(size) : result(::ftruncate(fd, size));
}
int64_t fsync(Call&, int fd) { return result(::fsync(fd)); }
int64_t fdatasync(Call&, int fd) { return result(::fdatasync(fd)); }
int64_t syncfs(Call&, int fd) { return result(::syncfs(fd)); }

int64_t fallocate(Call&, int fd, int mode, int64_t offset, int64_t length) {
  Fill* fill = fillOf(fd);
  return fill ? fill->allocate(mode, offset, length) : result(::fallocate(fd, mode, offset, length));
}

int64_t lseek(Call&, int fd, int64_t offset, int whence) {
  Fill* fill = whence == SEEK_DATA || whence == SEEK_HOLE ? fillOf(fd) : nullptr;
  return fill ? fill->seek(offset, whence) : result(::lseek(fd, offset, whence));
}

int64_t copyFileRange(Call&, int fdIn, int64_t offsetIn, int fdOut, int64_t offsetOut, int64_t length) {
  if (length < 0) return -EINVAL;
  // The kernel reads and writes then, by requests.
  if (fillOf(fdIn) || fillOf(fdOut)) return -EXDEV;
  return result(::copy_file_range(fdIn, &offsetIn, fdOut, &offsetOut, static_cast<size_t>(length), 0));
}

int64_t flock(Call&, int fd, int operation) { return result(::flock(fd, operation)); }

// A read lease is refused while anybody, a mapping too, can write to the file. It is let go of at once; whoever would
// break it in between sends a signal that nobody minds instead of SIGIO, which ends a process.
int64_t hasWriters(Call&, int fd) {
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return -errno;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN ? 1 : -errno;
  return result(fcntl(fd, F_SETLEASE, F_UNLCK));
}

// A write lease is refused while anybody else has the file open, or mapped.
int64_t isAlone(Call&, int fd) {
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return -errno;
  if (fcntl(fd, F_SETLEASE, F_WRLCK) != 0) return errno == EAGAIN ? 0 : -errno;
  int done = fcntl(fd, F_SETLEASE, F_UNLCK);
  return done < 0 ? -errno : 1;
}

}  // namespace

void describeFiles(Table& table) {
  table.add<pread>("pread");
  table.add<pwrite>("pwrite");
  table.add<ftruncate>("ftruncate");
  table.add<fsync>("fsync");
  table.add<fdatasync>("fdatasync");
  table.add<syncfs>("syncfs");
  table.add<fallocate>("fallocate");
  table.add<lseek>("lseek");
  table.add<copyFileRange>("copyFileRange");
  table.add<flock>("flock");
  table.add<hasWriters>("hasWriters");
  table.add<isAlone>("isAlone");
}

}  // namespace stratafs
