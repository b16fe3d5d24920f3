// Looking at a place and opening it: the calls a lookup is made of, and the hottest of the addon.
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "owners-power.h"
#include "place.h"

namespace stratafs {

namespace {

enum Slot {
  kMode,
  kNlink,
  kUid,
  kGid,
  kRdevMajor,
  kRdevMinor,
  kSize,
  kBlocks,
  kBlksize,
  kInoLow,
  kInoHigh,
  kDevMajor,
  kDevMinor,
  kAtime,
  kAtimeNs,
  kMtime,
  kMtimeNs,
  kCtime,
  kCtimeNs,
  kBtime,
  kBtimeNs,
  kMountId,
  kAttributes,
  kSizeLow,
  kErrno,
  kSlots
};

// struct statx as the kernel has it: musl's headers lack it, or the mount's id in it.
struct Timestamp {
  int64_t tv_sec;
  uint32_t tv_nsec;
  int32_t unused;
};
struct KernelStat {
  uint32_t stx_mask;
  uint32_t stx_blksize;
  uint64_t stx_attributes;
  uint32_t stx_nlink;
  uint32_t stx_uid;
  uint32_t stx_gid;
  uint16_t stx_mode;
  uint64_t stx_ino;
  uint64_t stx_size;
  uint64_t stx_blocks;
  uint64_t stx_attributes_mask;
  Timestamp stx_atime;
  Timestamp stx_btime;
  Timestamp stx_ctime;
  Timestamp stx_mtime;
  uint32_t stx_rdev_major;
  uint32_t stx_rdev_minor;
  uint32_t stx_dev_major;
  uint32_t stx_dev_minor;
  uint64_t stx_mnt_id;
  uint64_t unused[13];
};
static_assert(sizeof(KernelStat) == 256, "the kernel writes as much");

constexpr unsigned kBasicStats = 0x7ff;
constexpr unsigned kBirthTime = 0x800;
constexpr unsigned kMountIdStat = 0x1000;
constexpr unsigned kStatMask = kBasicStats | kBirthTime | kMountIdStat;

void fillTime(double* slot, const Timestamp& time) {
  slot[0] = static_cast<double>(time.tv_sec);
  slot[1] = time.tv_nsec;
}

void fillStat(double* slot, const KernelStat& st) {
  slot[kMode] = st.stx_mode;
  slot[kNlink] = st.stx_nlink;
  slot[kUid] = st.stx_uid;
  slot[kGid] = st.stx_gid;
  slot[kRdevMajor] = st.stx_rdev_major;
  slot[kRdevMinor] = st.stx_rdev_minor;
  slot[kSize] = static_cast<double>(st.stx_size);
  slot[kBlocks] = static_cast<double>(st.stx_blocks);
  slot[kBlksize] = st.stx_blksize;
  slot[kInoLow] = static_cast<uint32_t>(st.stx_ino);
  slot[kInoHigh] = static_cast<uint32_t>(st.stx_ino >> 32);
  slot[kDevMajor] = st.stx_dev_major;
  slot[kDevMinor] = st.stx_dev_minor;
  fillTime(slot + kAtime, st.stx_atime);
  fillTime(slot + kMtime, st.stx_mtime);
  fillTime(slot + kCtime, st.stx_ctime);
  bool born = st.stx_mask & kBirthTime;
  fillTime(slot + kBtime, born ? st.stx_btime : Timestamp{});
  slot[kMountId] = st.stx_mask & kMountIdStat ? static_cast<double>(st.stx_mnt_id) : 0;
  slot[kAttributes] = static_cast<double>(st.stx_attributes);
  slot[kSizeLow] = static_cast<uint32_t>(st.stx_size);
  slot[kErrno] = 0;
}

// One statx into `slot`; 0 or a positive errno. The system call directly: glibc's wrapper imitates it on ENOSYS.
int statInto(double* slot, int fd, const Text& name) {
  KernelStat st;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | emptyPath(name);
  if (asOwner([&] { return ::syscall(SYS_statx, fd, name.c(), flags, kStatMask, &st); }) != 0) return errno;
  fillStat(slot, st);
  return 0;
}

int64_t statat(Call& call, int fd, const Text& name) { return -statInto(call.state.stat, fd, name); }

constexpr int kAskNoServer = 0x4000;  // AT_STATX_DONT_SYNC
constexpr uint64_t kMountRoot = 0x2000;

// Whether a mount is on `path`: 1 and `stat` filled, or 0. No server is asked, so one that hangs does not matter.
int64_t mountRoot(Call& call, const Text& path) {
  KernelStat st;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | kAskNoServer;
  if (::syscall(SYS_statx, AT_FDCWD, path.c(), flags, kStatMask, &st) != 0) return -errno;
  if (!(st.stx_attributes_mask & kMountRoot)) return -ENOSYS;
  if (!(st.stx_attributes & kMountRoot)) return 0;
  fillStat(call.state.stat, st);
  return 1;
}

// statmount(2) and what it asks and says, since Linux 6.8; libc's headers have none of it.
constexpr long kStatmount = 457;
constexpr unsigned kUniqueMountId = 0x4000;    // STATX_MNT_ID_UNIQUE
constexpr uint64_t kMountFacts = 2;            // STATMOUNT_MNT_BASIC
constexpr uint64_t kMountIsIdmapped = 1 << 20;  // MOUNT_ATTR_IDMAP
struct MountRequest {
  uint32_t size;
  uint32_t spare;
  uint64_t mountId;
  uint64_t wanted;
};
struct MountAnswer {
  uint32_t size;
  uint32_t unused1;
  uint64_t mask;
  uint64_t unused2[6];
  uint64_t attributes;
  uint64_t unused3[56];
};
static_assert(offsetof(MountAnswer, attributes) == 64, "where the kernel writes mnt_attr");

// Whether the mount that `path` lies on is idmapped: 1 or 0.
int64_t isIdmapped(Call&, const Text& path) {
  KernelStat st;
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | kAskNoServer;
  if (::syscall(SYS_statx, AT_FDCWD, path.c(), flags, kUniqueMountId, &st) != 0) return -errno;
  if (!(st.stx_mask & kUniqueMountId)) return -ENOSYS;
  MountRequest request = {sizeof request, 0, st.stx_mnt_id, kMountFacts};
  MountAnswer answer = {};
  if (::syscall(kStatmount, &request, &answer, sizeof answer, 0) != 0) return -errno;
  if (!(answer.mask & kMountFacts)) return -ENOSYS;
  return answer.attributes & kMountIsIdmapped ? 1 : 0;
}

// Answers the number of names. Handles are freed per name: a directory may hold 100,000.
int64_t statMany(Call& call, int fd, napi_value names, Doubles out) {
  uint32_t count = 0;
  if (napi_get_array_length(call.env, names, &count) != napi_ok) return -EINVAL;
  if (out.length < static_cast<size_t>(count) * kSlots) return -EINVAL;
  for (uint32_t i = 0; i < count; i++) {
    napi_handle_scope scope;
    napi_open_handle_scope(call.env, &scope);
    napi_value element;
    Text name;
    bool read = napi_get_element(call.env, names, i, &element) == napi_ok && name.read(call.env, element);
    napi_close_handle_scope(call.env, scope);
    double* slot = out.data + static_cast<size_t>(i) * kSlots;
    int error = read ? statInto(slot, fd, name) : EINVAL;
    if (error == 0) continue;
    memset(slot, 0, kSlots * sizeof(double));
    slot[kErrno] = error;
  }
  return count;
}

int64_t findFirst(Call& call, Ints fds, int from, int to, const Text& name) {
  if (from < 0 || to < from || static_cast<size_t>(to) > fds.length) return -EINVAL;
  for (int i = from; i < to; i++) {
    int error = statInto(call.state.stat, fds.data[i], name);
    if (error == 0) return i;
    if (error == ENOENT || error == ENOTDIR) continue;
    call.state.stat[kErrno] = i;
    return -error;
  }
  return -ENOENT;
}

int64_t openat(Call&, int fd, const Text& name, int flags, uint32_t mode) {
  return result(asOwner([&] { return openPlace(fd, name, flags, mode); }));
}

int64_t openFile(Call&, int fd, const Text& name, int flags) {
  return result(asOwner([&] { return openContent(fd, name, flags); }));
}

bool isLink(int fd, const char* name) {
  struct stat st;
  return ::fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

// Kernels before 5.6: the same walk, one component at a time, with no link and no `..` allowed.
int walkBeneath(int fd, const Text& path, int flags, mode_t mode) {
  if (path.c()[0] == '/') return errno = EXDEV, -1;
  std::vector<char> copy(path.c(), path.c() + path.length() + 1);
  int at = ::openat(fd, ".", (path.empty() ? flags : O_PATH | O_DIRECTORY) | O_CLOEXEC, mode);
  char* rest = nullptr;
  char* part = strtok_r(copy.data(), "/", &rest);
  while (part != nullptr && at >= 0) {
    Held parent(at);
    char* next = strtok_r(nullptr, "/", &rest);
    if (strcmp(part, "..") == 0) return errno = EXDEV, -1;
    int how = next ? O_PATH | O_DIRECTORY : flags;
    at = ::openat(parent.fd(), part, how | O_NOFOLLOW | O_CLOEXEC, next ? 0 : mode);
    if (at < 0 && errno == ENOTDIR) errno = isLink(parent.fd(), part) ? ELOOP : ENOTDIR;
    part = next;
  }
  return at;
}

int64_t openBeneath(Call&, int fd, const Text& path, int flags, uint32_t mode) {
  struct open_how how = {};
  how.flags = static_cast<uint32_t>(flags | O_NOFOLLOW | O_CLOEXEC);
  how.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < 16; attempt++) {
    int opened = static_cast<int>(syscall(SYS_openat2, fd, path.empty() ? "." : path.c(), &how, sizeof how));
    if (opened >= 0) return opened;
    if (errno == ENOSYS) return result(walkBeneath(fd, path, flags, mode));
    if (errno != EAGAIN) break;  // EAGAIN: a rename somewhere raced with the walk
  }
  return -errno;
}

int64_t close(Call&, int fd) { return result(::close(fd)); }

napi_value readlinkat(Call& call, int fd, const Text& name) {
  char target[4097];
  ssize_t length = asOwner([&] { return ::readlinkat(fd, name.c(), target, sizeof target); });
  if (length < 0) return failed(call, errno);
  if (static_cast<size_t>(length) == sizeof target) return failed(call, ENAMETOOLONG);
  return toString(call.env, target, static_cast<size_t>(length));
}

}  // namespace

void describePlaces(Table& table) {
  table.add<statat>("statat");
  table.add<mountRoot>("mountRoot");
  table.add<isIdmapped>("isIdmapped");
  table.add<statMany>("statMany");
  table.add<findFirst>("findFirst");
  table.add<openat>("openat");
  table.add<openFile>("openFile");
  table.add<openBeneath>("openBeneath");
  table.add<close>("close");
  table.add<readlinkat>("readlinkat");
}

}  // namespace stratafs
