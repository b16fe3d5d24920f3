// The mount API in steps (Linux 5.2): a filesystem is configured by descriptor, and attached where it is finished. So a
// filesystem can lie below another one without ever being in the tree.
#include <fcntl.h>
#include <sys/syscall.h>

#include "place.h"

namespace stratafs {

namespace {

// The numbers are the same on every architecture that has them.
constexpr long kMoveMount = 429;
constexpr long kFsopen = 430;
constexpr long kFsconfig = 431;
constexpr long kFsmount = 432;
constexpr unsigned kCloexec = 1;        // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
constexpr unsigned kFromEmptyPath = 4;  // MOVE_MOUNT_F_EMPTY_PATH

int64_t fsopen(Call&, const Text& type) { return result(syscall(kFsopen, type.c(), kCloexec)); }

int64_t fsconfig(Call&, int fd, uint32_t command, const Text& key, const Text& value, int aux) {
  const char* name = key.empty() ? nullptr : key.c();
  return result(syscall(kFsconfig, fd, command, name, value.empty() ? nullptr : value.c(), aux));
}

int64_t fsmount(Call&, int fd, uint32_t attributes) { return result(syscall(kFsmount, fd, kCloexec, attributes)); }

int64_t moveMount(Call&, int fd, const Text& target) {
  return result(syscall(kMoveMount, fd, "", AT_FDCWD, target.c(), kFromEmptyPath));
}

// What the kernel says about the configuration (fs_context's log), one message; "" when there is no more.
napi_value fsMessage(Call& call, int fd) {
  char text[1024];
  ssize_t length = ::read(fd, text, sizeof text);
  return toString(call.env, text, length < 0 ? 0 : static_cast<size_t>(length));
}

}  // namespace

void describeMountApi(Table& table) {
  table.add<fsopen>("fsopen");
  table.add<fsconfig>("fsconfig");
  table.add<fsmount>("fsmount");
  table.add<moveMount>("moveMount");
  table.add<fsMessage>("fsMessage");
}

}  // namespace stratafs
