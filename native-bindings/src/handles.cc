// What identifies a file and its filesystem beyond a path: file handles, the filesystem's UUID, statfs.
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "place.h"

namespace stratafs {

namespace {

// FS_IOC_GETFSUUID (Linux 6.9): struct fsuuid2: u8 len @0 · u8 uuid[16] @1
struct FsUuid2 {
  uint8_t length;
  uint8_t uuid[16];
};
constexpr unsigned long kGetFsUuid = _IOR(0x15, 0, FsUuid2);

// EXT4_IOC_GETFSUUID (Linux 6.0): struct fsuuid: u32 len @0 · u32 flags @4 · u8 uuid[len] @8; its number counts 8 bytes
struct Ext4Uuid {
  uint32_t length;
  uint32_t flags;
  uint8_t uuid[16];
};
constexpr unsigned long kExt4GetFsUuid = _IOC(_IOC_READ, 'f', 44, 8);

// A handle and the bytes that follow it. Its head is no member: in musl's headers it has no fixed size.
class HandleBuffer {
 public:
  struct file_handle* head() {
    return reinterpret_cast<struct file_handle*>(bytes_);
  }

 private:
  alignas(struct file_handle) unsigned char bytes_[sizeof(struct file_handle) + MAX_HANDLE_SZ] = {};
};

napi_value nameToHandle(Call& call, int fd, const Text& name) {
  HandleBuffer buffer;
  buffer.head()->handle_bytes = MAX_HANDLE_SZ;
  int mountId = 0;
  if (::name_to_handle_at(fd, name.c(), buffer.head(), &mountId, emptyPath(name)) != 0) return failed(call, errno);
  napi_value object;
  napi_create_object(call.env, &object);
  napi_set_named_property(call.env, object, "type", toValue(call.env, int64_t{buffer.head()->handle_type}));
  napi_value bytes = toBytes(call.env, buffer.head()->f_handle, buffer.head()->handle_bytes);
  napi_set_named_property(call.env, object, "bytes", bytes);
  napi_set_named_property(call.env, object, "mountId", toValue(call.env, int64_t{mountId}));
  return object;
}

int64_t openByHandle(Call&, int mountFd, int type, Bytes bytes, int flags) {
  if (bytes.length > MAX_HANDLE_SZ) return -EINVAL;
  HandleBuffer buffer;
  buffer.head()->handle_bytes = static_cast<unsigned>(bytes.length);
  buffer.head()->handle_type = type;
  memcpy(buffer.head()->f_handle, bytes.data, bytes.length);
  return result(::open_by_handle_at(mountFd, buffer.head(), flags | O_CLOEXEC));
}

// The ioctls need a real descriptor; an O_PATH one is opened anew, but only where that does nothing (see below).
bool readUuid(int fd, uint8_t* uuid) {
  FsUuid2 modern = {};
  if (::ioctl(fd, kGetFsUuid, &modern) == 0) {
    memcpy(uuid, modern.uuid, modern.length < 16 ? modern.length : 16);
    return true;
  }
  Ext4Uuid ext4 = {};
  ext4.length = 16;
  if (::ioctl(fd, kExt4GetFsUuid, &ext4) != 0) return false;
  memcpy(uuid, ext4.uuid, 16);
  return true;
}

// O_NONBLOCK keeps a pipe from waiting; layers hand over their root directory.
napi_value filesystemUuid(Call& call, int fd) {
  Held file(::open(ProcPath(fd).c(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.bad()) return failed(call, errno);
  uint8_t uuid[16] = {};
  if (!readUuid(file.fd(), uuid)) return failed(call, ENOTTY);
  return toBytes(call.env, uuid, sizeof uuid);
}

constexpr long kStValid = 0x20;  // the kernel's own mark in f_flags

int64_t statfs(Call& call, int fd) {
  struct statfs st;
  if (::fstatfs(fd, &st) != 0) return -errno;
  const double values[] = {
      static_cast<double>(st.f_bsize),
      static_cast<double>(st.f_frsize),
      static_cast<double>(st.f_blocks),
      static_cast<double>(st.f_bfree),
      static_cast<double>(st.f_bavail),
      static_cast<double>(st.f_files),
      static_cast<double>(st.f_ffree),
      static_cast<double>(st.f_namelen),

      static_cast<double>(static_cast<uint32_t>(st.f_type)),
      static_cast<double>(st.f_flags & ~kStValid),
  };
  memcpy(call.state.fsstat, values, sizeof values);
  return 0;
}

}  // namespace

void describeHandles(Table& table) {
  table.add<nameToHandle>("nameToHandle");
  table.add<openByHandle>("openByHandle");
  table.add<filesystemUuid>("filesystemUuid");
  table.add<statfs>("statfs");
}

}  // namespace stratafs
