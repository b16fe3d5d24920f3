// How much of a range of a file can be written before it takes more room than there is. Asked near the limit only, so
// that it may ask the filesystem for the file's extents (FIEMAP), which knows what fallocate(2) has set aside; where
// there is no FIEMAP, as on tmpfs, SEEK_HOLE tells what holds data.
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "usage.h"

namespace stratafs {

namespace {

constexpr uint32_t kExtents = 32;

// A run of the file: [at, end) is allocated, what comes before it is not. False: nothing is from here on.
bool byExtents(int fd, int64_t from, int64_t until, int64_t* at, int64_t* end, bool* known) {
  alignas(struct fiemap) char memory[sizeof(struct fiemap) + kExtents * sizeof(struct fiemap_extent)];
  memset(memory, 0, sizeof memory);
  auto* map = reinterpret_cast<struct fiemap*>(memory);
  map->fm_start = static_cast<uint64_t>(from);
  map->fm_length = static_cast<uint64_t>(until - from);
  map->fm_extent_count = kExtents;
  *known = ::ioctl(fd, FS_IOC_FIEMAP, map) == 0;
  if (!*known || map->fm_mapped_extents == 0) return false;
  const auto* extents = map->fm_extents;
  *at = static_cast<int64_t>(extents[0].fe_logical);
  *end = *at + static_cast<int64_t>(extents[0].fe_length);
  for (uint32_t i = 1; i < map->fm_mapped_extents && static_cast<int64_t>(extents[i].fe_logical) <= *end; i++)
    *end = static_cast<int64_t>(extents[i].fe_logical + extents[i].fe_length);
  return true;
}

bool byData(int fd, int64_t from, int64_t until, int64_t* at, int64_t* end) {
  *at = ::lseek(fd, from, SEEK_DATA);
  if (*at < 0 || *at >= until) return false;
  *end = ::lseek(fd, *at, SEEK_HOLE);
  if (*end <= *at) *end = until;
  return true;
}

bool nextRun(int fd, int64_t from, int64_t until, int64_t* at, int64_t* end) {
  bool known = false;
  bool found = byExtents(fd, from, until, at, end, &known);
  return known ? found : byData(fd, from, until, at, end);
}

}  // namespace

int64_t fittingLength(int fd, int64_t offset, int64_t length, double room) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return -errno;
  int64_t block = std::max<int64_t>(st.st_blksize > 0 && st.st_blksize <= 65536 ? st.st_blksize : 4096, 512);
  int64_t until = offset + length;
  int64_t edge = (until + block - 1) / block * block;
  for (int64_t at = offset / block * block; at < edge;) {
    int64_t begin = edge, end = edge;
    if (!nextRun(fd, at, edge, &begin, &end)) begin = end = edge;
    int64_t hole = std::max<int64_t>(std::min(begin, edge) - at, 0);
    if (static_cast<double>(hole) > room) {
      int64_t blocks = room > 0 ? static_cast<int64_t>(room) / block * block : 0;
      return std::max<int64_t>(std::min(at + blocks, until) - offset, 0);
    }
    room -= static_cast<double>(hole);
    at = std::max(end, at + block) / block * block;
  }
  return length;
}

}  // namespace stratafs
