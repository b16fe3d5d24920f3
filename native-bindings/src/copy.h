// The content of a copy-up, for whoever makes one.
#pragma once

#include <stdint.h>

#include <atomic>
#include <memory>

namespace stratafs {

// Makes `to` (empty) hold the `size` bytes that `from` holds, holes as holes. Bytes of data copied (0 when cloned), or
// -errno; -ECANCELED once `*cancelled` (which may be null).
int64_t copyAll(int from, int to, int64_t size, const std::atomic<bool>* cancelled);

// One copy: what its steps share.
struct Copy {
  int from;
  int to;
  bool inKernel = true;  // copy_file_range has not been refused yet
  std::unique_ptr<uint8_t[]> buffer{};
  int64_t copied = 0;
  const std::atomic<bool>* cancelled = nullptr;
};

// [at, end) of data: where it ended, which is earlier where the source has shrunk, or -errno.
int64_t copyExtent(Copy& copy, int64_t at, int64_t end);

// Where the next data at or after `at` begins: `size` when there is none. No SEEK_DATA: everything is data.
int64_t dataFrom(int fd, int64_t at, int64_t size);

// Where the data at `at` ends. A hole made there since then must not stop the walk.
int64_t dataUntil(int fd, int64_t at, int64_t size);

}  // namespace stratafs
