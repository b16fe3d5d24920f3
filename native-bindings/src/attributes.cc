// Changing what statx shows: mode, owner, times, size; and the inode flags of chattr(1).
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <atomic>

#include "owners-power.h"
#include "place.h"

namespace stratafs {

namespace {

constexpr long kFchmodat2 = 452;  // Linux 6.6; the same number on every architecture but alpha
std::atomic<bool> hasFchmodat2{true};

// Before fchmodat2: through a path to the file itself. Links are refused as there: some filesystems would obey.
int64_t chmodReached(int fd, const Text& name, uint32_t mode) {
  Reached file(fd, name);
  struct stat st;
  if (file.bad() || ::stat(file.path(), &st) != 0) return -errno;
  if (S_ISLNK(st.st_mode)) return -EOPNOTSUPP;
  return result(::chmod(file.path(), mode));
}

int64_t chmodat(Call&, int fd, const Text& name, uint32_t mode) {
  if (hasFchmodat2.load(std::memory_order_relaxed)) {
    int flags = AT_SYMLINK_NOFOLLOW | emptyPath(name);
    if (asOwner([&] { return syscall(kFchmodat2, fd, name.c(), mode, flags); }) == 0) return 0;
    if (errno != ENOSYS) return -errno;
    hasFchmodat2 = false;
  }
  return chmodReached(fd, name, mode);
}

int64_t chownat(Call&, int fd, const Text& name, uint32_t uid, uint32_t gid) {
  return result(asOwner([&] { return ::fchownat(fd, name.c(), uid, gid, AT_SYMLINK_NOFOLLOW | emptyPath(name)); }));
}

// AT_EMPTY_PATH came to utimensat in 5.8; EINVAL before that, and also for bad nanoseconds, which fail again below.
int64_t utimensat(Call&, int fd, const Text& name, int64_t atime, int64_t atimeNs, int64_t mtime, int64_t mtimeNs) {
  struct timespec times[2] = {{atime, atimeNs}, {mtime, mtimeNs}};
  int flags = AT_SYMLINK_NOFOLLOW | emptyPath(name);
  if (asOwner([&] { return ::utimensat(fd, name.c(), times, flags); }) == 0) return 0;
  if (!name.empty() || errno != EINVAL) return -errno;
  return result(::utimensat(AT_FDCWD, ProcPath(fd).c(), times, 0));
}

// truncate(2) would wait for whoever holds a lease on the file; opening a device or a pipe does something.
int64_t truncateat(Call&, int fd, const Text& name, int64_t size) {
  struct stat st;
  int empty = AT_SYMLINK_NOFOLLOW | emptyPath(name);
  if (asOwner([&] { return ::fstatat(fd, name.c(), &st, empty); }) != 0) return -errno;
  if (S_ISREG(st.st_mode)) {
    Held open(static_cast<int>(asOwner([&] { return openContent(fd, name, O_WRONLY); })));
    return open.bad() ? -errno : result(::ftruncate(open.fd(), size));
  }
  Reached file(fd, name);
  if (file.bad()) return -errno;
  return result(::truncate(file.path(), size));
}

// The file opened for an ioctl; only plain files and directories, since opening others does something.
int openForFlags(int fd, const Text& name) {
  struct stat st;
  int empty = emptyPath(name);
  if (asOwner([&] { return ::fstatat(fd, name.c(), &st, AT_SYMLINK_NOFOLLOW | empty); }) != 0) return -1;
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return errno = ENOTTY, -1;
  return static_cast<int>(asOwner([&] { return openPlace(fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY); }));
}

// Declared with `long` in linux/fs.h, but the kernel reads and writes an int.
int64_t getFlags(Call&, int fd, const Text& name) {
  Held file(openForFlags(fd, name));
  unsigned int flags = 0;
  if (file.bad() || ::ioctl(file.fd(), FS_IOC_GETFLAGS, &flags) != 0) return -errno;
  return flags;
}

int64_t setFlags(Call&, int fd, const Text& name, uint32_t flags) {
  Held file(openForFlags(fd, name));
  if (file.bad()) return -errno;
  return result(::ioctl(file.fd(), FS_IOC_SETFLAGS, &flags));
}

}  // namespace

void describeAttributes(Table& table) {
  table.add<chmodat>("chmodat");
  table.add<chownat>("chownat");
  table.add<utimensat>("utimensat");
  table.add<truncateat>("truncateat");
  table.add<getFlags>("getFlags");
  table.add<setFlags>("setFlags");
}

}  // namespace stratafs
