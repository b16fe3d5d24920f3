// Mounting and unmounting, private clones of mounts, and the eventfd that wakes a device loop.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "place.h"

namespace stratafs {

namespace {

constexpr long kOpenTree = 428;
constexpr long kMountSetattr = 442;
constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kOpenTreeCloexec = O_CLOEXEC;
constexpr uint64_t kAtimeBits = 0x70;  // MOUNT_ATTR__ATIME

// struct mount_attr: u64 attr_set @0 · u64 attr_clr @8 · u64 propagation @16 · u64 userns_fd @24
struct MountAttr {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t usernsFd;
};

// The atime bits are one value, not flags: the kernel wants all of them cleared when one is set.
int64_t cloneMount(Call&, const Text& path, uint32_t attributes) {
  Held tree(static_cast<int>(syscall(kOpenTree, AT_FDCWD, path.c(), kOpenTreeClone | kOpenTreeCloexec)));
  if (tree.bad()) return -errno;
  MountAttr attr = {};
  attr.set = attributes;
  attr.clear = attributes & kAtimeBits ? kAtimeBits : 0;
  if (attributes != 0 && syscall(kMountSetattr, tree.fd(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0) return -errno;
  return tree.release();
}

int64_t mount(Call&, const Text& source, const Text& target, const Text& type, uint32_t flags, const Text& data) {
  const char* options = data.empty() ? nullptr : data.c();
  return result(::mount(source.c(), target.c(), type.empty() ? nullptr : type.c(), flags, options));
}

int64_t umount(Call&, const Text& target, int flags) { return result(::umount2(target.c(), flags)); }

// A table of descriptors that grows while several threads share it waits for all of them to let go of the old one
// (synchronize_rcu() in expand_fdtable()): some 10 ms each time it doubles.
int64_t reserveDescriptors(Call&, int count) {
  int fd = ::eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return -errno;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, count - 1);
  int64_t result = high < 0 ? -errno : 0;
  if (high >= 0) ::close(high);
  ::close(fd);
  return result;
}

int64_t eventfd(Call&) { return result(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

// EAGAIN: the counter is full, so the waiter will wake anyway.
int64_t signalEvent(Call&, int fd) {
  uint64_t one = 1;
  if (::write(fd, &one, sizeof one) == sizeof one || errno == EAGAIN) return 0;
  return -errno;
}

}  // namespace

void describeMounting(Table& table) {
  table.add<cloneMount>("cloneMount");
  table.add<mount>("mount");
  table.add<umount>("umount");
  table.add<reserveDescriptors>("reserveDescriptors");
  table.add<eventfd>("eventfd");
  table.add<signalEvent>("signalEvent");
}

}  // namespace stratafs
