// Entries of a directory as the kernel hands them out.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

namespace stratafs {

// struct linux_dirent64: u64 ino @0 · s64 off @8 · u16 reclen @16 · u8 type @18 · name\0 @19
struct Entry {
  uint64_t ino;
  int64_t offset;
  uint16_t recordLength;
  uint8_t type;
  char name[1];
};

inline bool isDot(const char* name) { return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)); }

// Calls `visit(entry)` for every entry but `.` and `..`; false ends it. 0 or a positive errno. A directory removed
// meanwhile (ENOENT) has no entries.
template <class Visit>
int forEachEntry(int directory, Visit visit) {
  constexpr size_t kBufferBytes = 65536;
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

}  // namespace stratafs
