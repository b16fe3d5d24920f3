// What every call on a place (fd, name) shares: the empty name, which means the descriptor itself, and descriptors held
// for the length of one call.
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge.h"

namespace stratafs {

// Closes at the end of the block. errno is kept over the close.
class Held {
 public:
  explicit Held(int fd) : fd_(fd) {}
  ~Held() {
    int before = errno;
    if (fd_ >= 0) ::close(fd_);
    errno = before;
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  int fd() const { return fd_; }
  bool bad() const { return fd_ < 0; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(release());
  }

 private:
  int fd_;
};

// The path under which the file of a descriptor can be reached, O_PATH or not: a magic link, which leads to the file
// even where that is a symbolic link, and never further.
class ProcPath {
 public:
  explicit ProcPath(int fd) {
    if (fd == AT_FDCWD)
      snprintf(text_, sizeof text_, ".");
    else
      snprintf(text_, sizeof text_, "/proc/self/fd/%d", fd);
  }
  const char* c() const { return text_; }

 private:
  char text_[32];
};

inline int emptyPath(const Text& name) { return name.empty() ? AT_EMPTY_PATH : 0; }

// Opens a place, O_CLOEXEC, never following a link in the last component. -1 and errno when it fails. A directory is
// mostly reached from itself, in half the time of the way through /proc, but not by who may read and not search it.
inline int openPlace(int fd, const Text& name, int flags, mode_t mode = 0) {
  if (name.empty() && (flags & O_DIRECTORY)) {
    int opened = ::openat(fd, ".", flags | O_CLOEXEC, mode);
    if (opened >= 0) return opened;
  }
  if (name.empty()) return ::open(ProcPath(fd).c(), (flags & ~O_NOFOLLOW) | O_CLOEXEC, mode);
  return ::openat(fd, name.c(), flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

// Opens the regular file at a place, O_CLOEXEC, for its content. Whoever owns the layer may have put a pipe, a terminal
// or a link there, or hold a lease on the file: O_NONBLOCK waits for none of them (EAGAIN for a lease). ESTALE where it
// is no regular file.
inline int openContent(int fd, const Text& name, int flags) {
  int opened = openPlace(fd, name, flags | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (opened < 0) return errno = errno == ENXIO || errno == ELOOP || errno == EISDIR ? ESTALE : errno, -1;
  if (::fstat(opened, &st) == 0 && S_ISREG(st.st_mode)) return opened;
  ::close(opened);
  return errno = ESTALE, -1;
}

// For calls that have no form for O_PATH descriptors or for not following links: a path that leads to the very file of
// a place. Opens it O_PATH for that, unless the place is a descriptor already.
class Reached {
 public:
  Reached(int fd, const Text& name)
      : held_(name.empty() ? -1 : openPlace(fd, name, O_PATH)), path_(name.empty() ? fd : held_.fd()) {
    bad_ = !name.empty() && held_.bad();
  }
  bool bad() const { return bad_; }
  const char* path() const { return path_.c(); }

 private:
  Held held_;
  ProcPath path_;
  bool bad_;
};

}  // namespace stratafs
