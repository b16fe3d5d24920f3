// Making, linking, moving and removing names in directories.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "owners-power.h"
#include "place.h"

namespace stratafs {

namespace {

int64_t mkdirat(Call&, int fd, const Text& name, uint32_t mode) {
  return result(asOwner([&] { return ::mkdirat(fd, name.c(), mode); }));
}

int64_t mknodat(Call&, int fd, const Text& name, uint32_t mode, uint32_t major, uint32_t minor) {
  return result(asOwner([&] { return ::mknodat(fd, name.c(), mode, makedev(major, minor)); }));
}

int64_t symlinkat(Call&, const Text& target, int fd, const Text& name) {
  return result(asOwner([&] { return ::symlinkat(target.c(), fd, name.c()); }));
}

// AT_EMPTY_PATH answers ENOENT to those without CAP_DAC_READ_SEARCH; the magic link asks for nothing.
int link(int fd, const Text& name, int newFd, const Text& newName) {
  if (!name.empty()) return ::linkat(fd, name.c(), newFd, newName.c(), 0);
  if (::linkat(fd, "", newFd, newName.c(), AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOENT && errno != EINVAL && errno != EPERM) return -1;
  return ::linkat(AT_FDCWD, ProcPath(fd).c(), newFd, newName.c(), AT_SYMLINK_FOLLOW);
}

int64_t linkat(Call&, int fd, const Text& name, int newFd, const Text& newName) {
  return result(asOwner([&] { return link(fd, name, newFd, newName); }));
}

int64_t unlinkat(Call&, int fd, const Text& name, int flags) {
  return result(asOwner([&] { return ::unlinkat(fd, name.c(), flags); }));
}

int64_t renameat(Call&, int fd, const Text& name, int newFd, const Text& newName, uint32_t flags) {
  return result(asOwner([&]() -> long {
    if (flags == 0) return ::renameat(fd, name.c(), newFd, newName.c());
    return syscall(SYS_renameat2, fd, name.c(), newFd, newName.c(), flags);
  }));
}

}  // namespace

void describeNames(Table& table) {
  table.add<mkdirat>("mkdirat");
  table.add<mknodat>("mknodat");
  table.add<symlinkat>("symlinkat");
  table.add<linkat>("linkat");
  table.add<unlinkat>("unlinkat");
  table.add<renameat>("renameat");
}

}  // namespace stratafs
