// Reading and writing whole ranges: system calls may do less than asked, and may be interrupted.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

namespace stratafs {

// Reads until `length` bytes or the end of the file. What was read before an error is the answer; else -errno.
inline int64_t preadAll(int fd, uint8_t* into, size_t length, int64_t offset) {
  size_t done = 0;
  while (done < length) {
    ssize_t got = ::pread(fd, into + done, length - done, offset + static_cast<int64_t>(done));
    if (got > 0)
      done += static_cast<size_t>(got);
    else if (got == 0)
      break;
    else if (errno != EINTR)
      return done > 0 ? static_cast<int64_t>(done) : -errno;
  }
  return static_cast<int64_t>(done);
}

// Writes until `length` bytes; what was written before an error is the answer; else -errno.
inline int64_t pwriteAll(int fd, const uint8_t* from, size_t length, int64_t offset) {
  size_t done = 0;
  while (done < length) {
    ssize_t put = ::pwrite(fd, from + done, length - done, offset + static_cast<int64_t>(done));
    if (put > 0)
      done += static_cast<size_t>(put);
    else if (put == 0)
      break;
    else if (errno != EINTR)
      return done > 0 ? static_cast<int64_t>(done) : -errno;
  }
  return static_cast<int64_t>(done);
}

}  // namespace stratafs
