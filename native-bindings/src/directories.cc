// Reading directories: whole, in one call, because a crossing into JavaScript per entry costs more than the entries.
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include <vector>

#include "directories.h"
#include "owners-power.h"
#include "place.h"

namespace stratafs {

namespace {

int openDirectory(int fd, const Text& name) {
  return static_cast<int>(asOwner([&] { return openPlace(fd, name, O_RDONLY | O_DIRECTORY); }));
}

// Filesystems that keep no types in directories say DT_UNKNOWN; the file itself knows. It stays 0 when it has gone.
uint8_t typeOf(int directory, const Entry& entry) {
  struct stat st;
  if (entry.type != DT_UNKNOWN) return entry.type;
  if (asOwner([&] { return ::fstatat(directory, entry.name, &st, AT_SYMLINK_NOFOLLOW); }) != 0) return DT_UNKNOWN;
  return static_cast<uint8_t>(IFTODT(st.st_mode));
}

napi_value entriesObject(napi_env env, napi_value names, const std::vector<uint8_t>& types) {
  napi_value object;
  napi_create_object(env, &object);
  napi_set_named_property(env, object, "names", names);
  napi_set_named_property(env, object, "types", toBytes(env, types.data(), types.size()));
  return object;
}

// Whether `fd` itself can be read, from its beginning: anything but O_PATH; what is no directory says so when it is.
bool rewound(int fd, const Text& name) { return name.empty() && ::lseek(fd, 0, SEEK_SET) == 0; }

napi_value entriesOf(Call& call, int directory) {
  napi_value names;
  napi_create_array(call.env, &names);
  std::vector<uint8_t> types;
  int error = forEachEntry(directory, [&](const Entry& entry) {
    napi_handle_scope scope;
    napi_open_handle_scope(call.env, &scope);
    napi_value text = toString(call.env, entry.name, NAPI_AUTO_LENGTH);
    napi_set_element(call.env, names, static_cast<uint32_t>(types.size()), text);
    napi_close_handle_scope(call.env, scope);
    types.push_back(typeOf(directory, entry));
    return true;
  });
  if (error != 0) return failed(call, error);
  return entriesObject(call.env, names, types);
}

napi_value readDirectory(Call& call, int fd, const Text& name) {
  if (rewound(fd, name)) return entriesOf(call, fd);
  Held directory(openDirectory(fd, name));
  return directory.bad() ? failed(call, errno) : entriesOf(call, directory.fd());
}

// Nobody asked for it to be read, so its atime stays; who does not own it has to move it.
int openUnnoticed(int fd, const Text& name) {
  int opened = openPlace(fd, name, O_RDONLY | O_DIRECTORY | O_NOATIME);
  return opened < 0 && errno == EPERM ? openDirectory(fd, name) : opened;
}

int64_t hasPrefix(Call&, int fd, const Text& name, const Text& prefix) {
  Held directory(openUnnoticed(fd, name));
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
