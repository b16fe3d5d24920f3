// Reading directories: whole, in one call, because a crossing into JavaScript per entry costs more than the entries.
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <memory>
#include <vector>

#include "place.h"

namespace stratafs {

namespace {

constexpr size_t kBufferBytes = 65536;

// struct linux_dirent64: u64 ino @0 · s64 off @8 · u16 reclen @16 · u8 type @18 · name\0 @19
struct Entry {
  uint64_t ino;
  int64_t offset;
  uint16_t recordLength;
  uint8_t type;
  char name[1];
};

bool isDot(const char* name) { return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)); }

int openDirectory(int fd, const Text& name) { return openPlace(fd, name, O_RDONLY | O_DIRECTORY); }

// Calls `visit(entry)` for every entry but `.` and `..`; false ends it. 0 or a positive errno. A directory removed
// meanwhile (ENOENT) has no entries.
template <class Visit>
int forEachEntry(int directory, Visit visit) {
  std::unique_ptr<char[]> buffer(new char[kBufferBytes]);
  for (;;) {
    long length = syscall(SYS_getdents64, directory, buffer.get(), kBufferBytes);
    if (length == 0 || (length < 0 && errno == ENOENT)) return 0;
    if (length < 0) return errno;
    for (long at = 0; at < length;) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer.get() + at);
      at += entry->recordLength;
      if (!isDot(entry->name) && !visit(*entry)) return 0;
    }
  }
}

// Filesystems that keep no types in directories say DT_UNKNOWN; the file itself knows. It stays 0 when it has gone.
uint8_t typeOf(int directory, const Entry& entry) {
  struct stat st;
  if (entry.type != DT_UNKNOWN) return entry.type;
  if (::fstatat(directory, entry.name, &st, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  return static_cast<uint8_t>(IFTODT(st.st_mode));
}

napi_value entriesObject(napi_env env, napi_value names, const std::vector<uint8_t>& types) {
  napi_value object;
  napi_create_object(env, &object);
  napi_set_named_property(env, object, "names", names);
  napi_set_named_property(env, object, "types", toBytes(env, types.data(), types.size()));
  return object;
}

napi_value readDirectory(Call& call, int fd, const Text& name) {
  Held directory(openDirectory(fd, name));
  if (directory.bad()) return failed(call, errno);
  napi_value names;
  napi_create_array(call.env, &names);
  std::vector<uint8_t> types;
  int error = forEachEntry(directory.fd(), [&](const Entry& entry) {
    napi_handle_scope scope;
    napi_open_handle_scope(call.env, &scope);
    napi_value text = toString(call.env, entry.name, NAPI_AUTO_LENGTH);
    napi_set_element(call.env, names, static_cast<uint32_t>(types.size()), text);
    napi_close_handle_scope(call.env, scope);
    types.push_back(typeOf(directory.fd(), entry));
    return true;
  });
  if (error != 0) return failed(call, error);
  return entriesObject(call.env, names, types);
}

int64_t hasPrefix(Call&, int fd, const Text& name, const Text& prefix) {
  Held directory(openDirectory(fd, name));
  if (directory.bad()) return -errno;
  bool found = false;
  int error = forEachEntry(directory.fd(), [&](const Entry& entry) {
    found = strncmp(entry.name, prefix.c(), prefix.length()) == 0;
    return !found;
  });
  return error != 0 ? -error : found;
}

}  // namespace

void describeDirectories(Table& table) {
  table.add<readDirectory>("readDirectory");
  table.add<hasPrefix>("hasPrefix");
}

}  // namespace stratafs
