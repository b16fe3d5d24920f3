// Extended attributes of a place. Linux 6.13 has system calls with a directory descriptor; they are tried until one
// answers ENOSYS, from then on the path goes through /proc. An empty name is the descriptor itself: the calls on
// descriptors do for an open file, but refuse O_PATH (as the new ones do), and only that goes through /proc.
//
// The kernel allocates and clears as many bytes as it is offered, so a small buffer is offered first: nearly every
// answer is ENODATA or short.
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <atomic>
#include <memory>
#include <string>

#include "owners-power.h"
#include "place.h"

namespace stratafs {

namespace {

constexpr long kSetxattrat = 463;
constexpr long kGetxattrat = 464;
constexpr long kListxattrat = 465;
constexpr long kRemovexattrat = 466;
constexpr size_t kSmall = 512;
constexpr size_t kLargest = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX

// struct xattr_args: u64 value @0 · u32 size @8 · u32 flags @12
struct XattrArgs {
  alignas(8) uint64_t value;
  uint32_t size;
  uint32_t flags;
};

std::atomic<bool> hasXattrat{true};

// Whether a call with the new number is to be tried.
bool direct() { return hasXattrat.load(std::memory_order_relaxed); }

// True when the answer stands: anything but ENOSYS, which is remembered.
bool stands(long answer) {
  if (answer >= 0 || errno != ENOSYS) return true;
  hasXattrat = false;
  return false;
}

// Whether an answer of a call on the descriptor itself stands: O_PATH has to be asked for by its path.
bool reached(long answer) { return answer >= 0 || errno != EBADF; }

// A path to the place for the l*xattr calls.
std::string pathOf(int fd, const Text& name) {
  if (fd == AT_FDCWD || name.c()[0] == '/') return name.c();
  return std::string(ProcPath(fd).c()) + "/" + name.c();
}

ssize_t readOneOnce(int fd, const Text& name, const char* attribute, void* into, size_t size) {
  if (name.empty()) {
    ssize_t got = ::fgetxattr(fd, attribute, into, size);
    return reached(got) ? got : ::getxattr(ProcPath(fd).c(), attribute, into, size);
  }
  if (direct()) {
    XattrArgs args{reinterpret_cast<uintptr_t>(into), static_cast<uint32_t>(size), 0};
    long got = syscall(kGetxattrat, fd, name.c(), AT_SYMLINK_NOFOLLOW, attribute, &args, sizeof args);
    if (stands(got)) return got;
  }
  return ::lgetxattr(pathOf(fd, name).c_str(), attribute, into, size);
}

ssize_t readListOnce(int fd, const Text& name, char* into, size_t size) {
  if (name.empty()) {
    ssize_t got = ::flistxattr(fd, into, size);
    return reached(got) ? got : ::listxattr(ProcPath(fd).c(), into, size);
  }
  if (direct()) {
    long got = syscall(kListxattrat, fd, name.c(), AT_SYMLINK_NOFOLLOW, into, size);
    if (stands(got)) return got;
  }
  return ::llistxattr(pathOf(fd, name).c_str(), into, size);
}

ssize_t readOne(int fd, const Text& name, const char* attribute, void* into, size_t size) {
  return asOwner([&] { return readOneOnce(fd, name, attribute, into, size); });
}

ssize_t readList(int fd, const Text& name, char* into, size_t size) {
  return asOwner([&] { return readListOnce(fd, name, into, size); });
}

napi_value getxattr(Call& call, int fd, const Text& name, const Text& attribute) {
  char small[kSmall];
  ssize_t length = readOne(fd, name, attribute.c(), small, sizeof small);
  if (length >= 0) return toBytes(call.env, small, static_cast<size_t>(length));
  if (errno != ERANGE) return failed(call, errno);
  std::unique_ptr<char[]> large(new char[kLargest]);
  length = readOne(fd, name, attribute.c(), large.get(), kLargest);
  if (length < 0) return failed(call, errno);
  return toBytes(call.env, large.get(), static_cast<size_t>(length));
}

napi_value namesIn(napi_env env, const char* list, size_t length) {
  napi_value array;
  napi_create_array(env, &array);
  uint32_t index = 0;
  for (const char* at = list; at < list + length;) {
    size_t size = strnlen(at, static_cast<size_t>(list + length - at));
    napi_set_element(env, array, index++, toString(env, at, size));
    at += size + 1;
  }
  return array;
}

napi_value listxattr(Call& call, int fd, const Text& name) {
  char small[kSmall];
  ssize_t length = readList(fd, name, small, sizeof small);
  if (length >= 0) return namesIn(call.env, small, static_cast<size_t>(length));
  if (errno != ERANGE) return failed(call, errno);
  std::unique_ptr<char[]> large(new char[kLargest]);
  length = readList(fd, name, large.get(), kLargest);
  if (length < 0) return failed(call, errno);
  return namesIn(call.env, large.get(), static_cast<size_t>(length));
}

long setOnce(int fd, const Text& name, const char* attribute, Bytes value, int flags) {
  if (name.empty()) {
    int done = ::fsetxattr(fd, attribute, value.data, value.length, flags);
    return reached(done) ? done : ::setxattr(ProcPath(fd).c(), attribute, value.data, value.length, flags);
  }
  if (direct()) {
    XattrArgs args{reinterpret_cast<uintptr_t>(value.data), static_cast<uint32_t>(value.length),
                   static_cast<uint32_t>(flags)};
    long done = syscall(kSetxattrat, fd, name.c(), AT_SYMLINK_NOFOLLOW, attribute, &args, sizeof args);
    if (stands(done)) return done;
  }
  return ::lsetxattr(pathOf(fd, name).c_str(), attribute, value.data, value.length, flags);
}

int64_t setxattr(Call&, int fd, const Text& name, const Text& attribute, Bytes value, int flags) {
  if (value.length > kLargest) return -E2BIG;
  return result(asOwner([&] { return setOnce(fd, name, attribute.c(), value, flags); }));
}

long removeOnce(int fd, const Text& name, const char* attribute) {
  if (name.empty()) {
    int done = ::fremovexattr(fd, attribute);
    return reached(done) ? done : ::removexattr(ProcPath(fd).c(), attribute);
  }
  if (direct()) {
    long done = syscall(kRemovexattrat, fd, name.c(), AT_SYMLINK_NOFOLLOW, attribute);
    if (stands(done)) return done;
  }
  return ::lremovexattr(pathOf(fd, name).c_str(), attribute);
}

int64_t removexattr(Call&, int fd, const Text& name, const Text& attribute) {
  return result(asOwner([&] { return removeOnce(fd, name, attribute.c()); }));
}

}  // namespace

void describeXattrs(Table& table) {
  table.add<getxattr>("getxattr");
  table.add<setxattr>("setxattr");
  table.add<listxattr>("listxattr");
  table.add<removexattr>("removexattr");
}

}  // namespace stratafs
