// The loop of one FUSE connection (see device.h). A request is read with a non-blocking read first, so that under load
// there is no poll between two requests. Data requests of bound nodes are answered here, without JavaScript.
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "fill.h"
#include "io.h"

namespace stratafs {

namespace {

constexpr uint32_t kRead = 15;
constexpr uint32_t kWrite = 16;
constexpr uint32_t kWriteKillSuidgid = 4;
constexpr uint32_t kTurnsBetweenWakeChecks = 64;
constexpr int64_t kLong = 250'000;  // nanoseconds
constexpr uint32_t kWholeWindow = 128 << 10;  // of the mount's read-ahead (VM_READAHEAD_PAGES, include/linux/pagemap.h)
constexpr size_t kDataAt = 80;                // of a WRITE: after fuse_in_header and fuse_write_in

// fuse_in_header: u32 len @0 · u32 opcode @4 · u64 unique @8 · u64 nodeid @16 · u32 uid gid pid @24 · u32 @36
// fuse_read_in and fuse_write_in follow at 40: u64 fh @40 · u64 offset @48 · u32 size @56 · u32 flags @60 ·
// u64 lock_owner @64 · u32 flags @72 · u32 padding @76
constexpr size_t kOpcodeAt = 4, kUniqueAt = 8, kNodeidAt = 16, kOffsetAt = 48, kSizeAt = 56, kFlagsAt = 60;

template <class T>
T load(const uint8_t* from, size_t at) {
  T value;
  memcpy(&value, from + at, sizeof value);
  return value;
}

template <class T>
void store(uint8_t* into, size_t at, T value) {
  memcpy(into + at, &value, sizeof value);
}

// Clears setuid, and setgid where it is not the mark of mandatory locking, as file_remove_privs() in the kernel does.
// EPERM: whoever may not chmod has no CAP_FSETID either, and then the write itself clears them.
int64_t killSuidOf(int fd) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return -errno;
  mode_t gone = (st.st_mode & S_ISUID) | ((st.st_mode & S_IXGRP) ? st.st_mode & S_ISGID : 0);
  if (gone == 0 || !S_ISREG(st.st_mode)) return 0;
  if (::fchmod(fd, st.st_mode & 07777 & ~gone) != 0 && errno != EPERM) return -errno;
  return 0;
}

// The head of a notification, in zeroed memory: fuse_out_header with unique 0 and the notification's code in place of
// the error, then the node, with which the notifications below begin.
void beginNotice(uint8_t* message, size_t length, int32_t code, double nodeid) {
  store<uint32_t>(message, 0, static_cast<uint32_t>(length));
  store<int32_t>(message, 4, code);
  store<uint64_t>(message, Device::kHeader, static_cast<uint64_t>(nodeid));
}

}  // namespace

Device::Device(int fd, int wakeFd) : fd_(fd), wakeFd_(wakeFd) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void Device::close() {
  settleWritten();
  usage_ = nullptr;
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  awake_.close();
  bindings_.clear();
}

int64_t Device::next(uint32_t replyBytes) {
  int64_t error = replyBytes == 0 ? 0 : settleReply(replyBytes);
  if (aheadDir_ >= 0) askAhead();
  while (error == 0) {
    if ((++turns_ % kTurnsBetweenWakeChecks == 0 || tookLong()) && isInterrupted()) return pause();
    int64_t length = readRequest();
    if (length <= 0) return length;
    readAt_ = Spin::now();
    if (!serve(static_cast<size_t>(length), &error)) return length;
  }
  return error;
}

// Whether the last request was one for which others have waited. Of none since the last pause: two mounts that leave
// each other the thread would serve nothing.
bool Device::tookLong() const { return epoll_ >= 0 && readAt_ != 0 && Spin::now() - readAt_ > kLong; }

// Others are looked at.
int64_t Device::pause() {
  readAt_ = 0;
  awake_.rest();
  return 0;
}

int64_t Device::send(uint32_t replyBytes) { return writeReply(replyBytes); }

// A request that is there already, without waiting: its length, -EAGAIN where there is none, or another -errno.
int64_t Device::take() { return tryRequest(); }

// FUSE_NOTIFY_RESEND of Linux 6.9: what was read and not answered, by whomever, comes once more.
int64_t Device::resend() {
  constexpr int32_t kResend = 7;
  uint8_t message[kHeader] = {};
  store<uint32_t>(message, 0, sizeof message);
  store<int32_t>(message, 4, kResend);
  return ::write(fd_, message, sizeof message) < 0 ? -errno : 0;
}

// 0, also when the kernel no longer wants it (ENOENT), or -errno.
int64_t Device::writeReply(size_t length) {
  if (length < kHeader || length > replyBytes) return -EINVAL;
  if (load<int32_t>(reply, 4) < 0) counters[kFailed]++;
  for (;;) {
    if (::write(fd_, reply, length) >= 0) return 0;
    if (errno == ENOENT) return 0;
    if (errno != EINTR && errno != EAGAIN) return -errno;
  }
}

// Writes a reply; one that the kernel refuses as malformed is replaced by EIO, or its caller would wait for ever.
// Fails only when the connection has.
int64_t Device::settleReply(size_t length) {
  int64_t error = writeReply(length);
  if (error == 0 || error == -ENODEV || error == -EBADF) return error;
  store<uint32_t>(reply, 0, kHeader);
  store<int32_t>(reply, 4, -EIO);
  error = writeReply(kHeader);
  return error == -ENODEV ? error : 0;
}

// The length of a request now in `request`, 0 when woken, or -errno.
int64_t Device::readRequest() {
  for (;;) {
    int64_t got = tryRequest();
    if (got == -EAGAIN && !spin_.until([&] { return (got = tryRequest()) != -EAGAIN; })) {
      int64_t waited = waitForRequest();
      if (waited <= 0) return waited;
      continue;
    }
    if (got > 0) {
      counters[kRequests]++;
      if (awake_.came(spin_.shouldSpin())) counters[kAwakenings]++;
    }
    return got;
  }
}

// As readRequest without waiting: -EAGAIN when there is none.
int64_t Device::tryRequest() {
  for (;;) {
    ssize_t length = ::read(fd_, request, requestBytes);
    if (length > 0) return length;
    if (length == 0) return -ENODEV;
    if (errno != EINTR && errno != ENOENT) return -errno;
  }
}

// Sleeps until there may be a request (1) or the wake descriptor was signalled (0). A device that failed shows POLLERR,
// and the read that follows says why.
int64_t Device::waitForRequest() {
  if (epoll_ >= 0) return waitAmongOthers();
  struct pollfd descriptors[2] = {{fd_, POLLIN, 0}, {wakeFd_, POLLIN, 0}};
  for (int ready = 0; ready <= 0;) {
    ready = ::poll(descriptors, 2, awake_.patience());
    if (ready == 0) awake_.rest();
    if (ready < 0 && errno != EINTR) return -errno;
  }
  if (descriptors[1].revents != 0 && woken()) return pause();
  spin_.awoke();
  return 1;
}

// The same where the thread has more to look at: 0 when something else is ready. That is left as it is.
int64_t Device::waitAmongOthers() {
  struct epoll_event ready[2];
  for (;;) {
    int count = ::epoll_wait(epoll_, ready, 2, awake_.patience());
    if (count < 0 && errno != EINTR) return -errno;
    if (count <= 0) {
      if (count == 0) awake_.rest();
      continue;
    }
    if (count > 1 || ready[0].data.u32 != key_) return pause();
    spin_.awoke();
    return 1;
  }
}

// Whether somebody else is to be looked at before the next request.
bool Device::isInterrupted() {
  if (epoll_ < 0) return woken();
  struct epoll_event ready[2];
  int count = ::epoll_wait(epoll_, ready, 2, 0);
  return count > 1 || (count == 1 && ready[0].data.u32 != key_);
}

// Whether the wake descriptor was signalled; resets it.
bool Device::woken() {
  uint64_t count;
  return wakeFd_ >= 0 && ::read(wakeFd_, &count, sizeof count) == sizeof count;
}

// Answers the request when it is a data request of a bound node; false: it is for JavaScript.
bool Device::serve(size_t length, int64_t* error) {
  if (!direct_ || length < kDataAt) return false;
  uint32_t opcode = load<uint32_t>(request, kOpcodeAt);
  if (opcode != kRead && opcode != kWrite) return false;
  auto found = bindings_.find(load<uint64_t>(request, kNodeidAt));
  if (found == bindings_.end() || (opcode == kWrite && !found->second.writable)) return false;
  if (opcode == kWrite && usage_ != nullptr && !fits()) return false;
  found->second.used = true;
  if (opcode == kRead)
    answerRead(found->second);
  else
    answerWrite(found->second, length);
  *error = settleReply(pending_);
  return true;
}

// A READ of a whole window is the mount's own read-ahead in one that reads on: the layer's file had better be read
// further ahead than that, or disk and copying take turns (twice the window, mm/fadvise.c).
void Device::answerRead(Binding& binding) {
  uint32_t size = load<uint32_t>(request, kSizeAt);
  if (size >= kWholeWindow && !std::exchange(binding.sequential, true))
    ::posix_fadvise(binding.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  int64_t got = readInto(binding.fd, size, load<int64_t>(request, kOffsetAt));
  pending_ = finishReply(got, got > 0 ? static_cast<size_t>(got) : 0);
  if (got < 0) return;
  counters[kReads]++;
  counters[kReadBytes] += static_cast<double>(got);
}

// The blocks that a write may touch are promised to it; how many of them are new is seen later.
bool Device::fits() {
  constexpr double kBlocks = 8192;  // the first and the last one, in part
  return usage_->take(load<uint32_t>(request, kSizeAt) + kBlocks, 0);
}

void Device::settleWritten() {
  if (usage_ == nullptr) return;
  for (auto& [nodeid, binding] : bindings_)
    if (std::exchange(binding.written, false)) usage_->noteFile(binding.fd);
}

// Answers with fuse_write_out: u32 size @0 · u32 padding @4
void Device::answerWrite(Binding& binding, size_t length) {
  binding.written = binding.changed = true;
  uint32_t size = std::min<uint32_t>(load<uint32_t>(request, kSizeAt), static_cast<uint32_t>(length - kDataAt));
  bool killSuid = load<uint32_t>(request, kFlagsAt) & kWriteKillSuidgid;
  int64_t put = writeFrom(binding.fd, kDataAt, size, load<int64_t>(request, kOffsetAt), killSuid);
  store<uint32_t>(reply, kHeader, put > 0 ? static_cast<uint32_t>(put) : 0);
  store<uint32_t>(reply, kHeader + 4, 0);
  pending_ = finishReply(put, 8);
  if (put < 0) return;
  counters[kWrites]++;
  counters[kWrittenBytes] += static_cast<double>(put);
}

// Fills the header for the request at hand; an error has no payload. Answers the length of the reply.
// fuse_out_header: u32 len @0 · s32 error @4 · u64 unique @8
size_t Device::finishReply(int64_t result, size_t payload) {
  size_t length = kHeader + (result < 0 ? 0 : payload);
  store<uint32_t>(reply, 0, static_cast<uint32_t>(length));
  store<int32_t>(reply, 4, result < 0 ? static_cast<int32_t>(result) : 0);
  store<uint64_t>(reply, 8, load<uint64_t>(request, kUniqueAt));
  return length;
}

void Device::bind(double nodeid, int fd, bool writable) {
  unbind(nodeid);
  bindings_[static_cast<uint64_t>(nodeid)] = Binding{fd, writable};
}

void Device::unbind(double nodeid) {
  auto found = bindings_.find(static_cast<uint64_t>(nodeid));
  if (found == bindings_.end()) return;
  if (found->second.written && usage_ != nullptr) usage_->noteFile(found->second.fd);
  bindings_.erase(found);
}

bool Device::used(double nodeid) {
  auto found = bindings_.find(static_cast<uint64_t>(nodeid));
  return found != bindings_.end() && std::exchange(found->second.used, false);
}

bool Device::changed(double nodeid) {
  auto found = bindings_.find(static_cast<uint64_t>(nodeid));
  return found != bindings_.end() && std::exchange(found->second.changed, false);
}

// struct fuse_backing_map: s32 fd @0 · u32 flags @4 · u64 padding @8. The header that comes with Debian 12 lacks it.
struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};
constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(229, 2, uint32_t);

int64_t Device::openBacking(int fd) {
  BackingMap map = {fd, 0, 0};
  int id = ::ioctl(fd_, kBackingOpen, &map);
  return id < 0 ? -errno : id;
}

int64_t Device::closeBacking(int id) {
  uint32_t backing = static_cast<uint32_t>(id);
  return ::ioctl(fd_, kBackingClose, &backing) < 0 ? -errno : 0;
}

// fuse_notify_inval_inode_out: u64 ino @0 · s64 offset @8 (negative: attributes only) · s64 length @16
int64_t Device::forgetAttributes(double nodeid) {
  constexpr int32_t kInvalInode = 2;
  uint8_t message[kHeader + 24] = {};
  beginNotice(message, sizeof message, kInvalInode, nodeid);
  store<int64_t>(message, kHeader + 8, -1);
  return ::write(fd_, message, sizeof message) < 0 ? -errno : 0;
}

// fuse_notify_store_out: u64 nodeid @0 · u64 offset @8 · u32 size @16 · u32 padding @20, and the bytes.
int64_t Device::storeContent(double nodeid, int fd, uint32_t size) {
  constexpr int32_t kStore = 4;
  constexpr size_t kHead = kHeader + 24;
  size_t length = kHead + size;
  if (size > kLeastReply) return -EINVAL;
  if (content_.size() < length) content_.resize(length);
  uint8_t* message = content_.data();
  int64_t got = preadAll(fd, message + kHead, size, 0);
  if (got != size) return got < 0 ? got : -ENODATA;
  memset(message, 0, kHead);
  beginNotice(message, length, kStore, nodeid);
  store<uint32_t>(message, kHeader + 16, size);
  return ::write(fd_, message, length) < 0 ? -errno : 0;
}

void Device::readAhead(int dirFd, const char* name) {
  aheadDir_ = dirFd;
  aheadName_ = name;
}

// Runs after the reply is written, while the caller wakes up.
void Device::askAhead() {
  int fd = ::openat(std::exchange(aheadDir_, -1), aheadName_.c_str(),
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return;
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
  ::close(fd);
}

int64_t Device::readInto(int fd, int64_t length, int64_t offset) {
  if (length < 0 || offset < 0) return -EINVAL;
  size_t room = std::min(static_cast<size_t>(length), replyBytes - kHeader);
  if (Fill* fill = fillOf(fd)) return fill->read(reply + kHeader, room, offset);
  return preadAll(fd, reply + kHeader, room, offset);
}

int64_t Device::writeFrom(int fd, int64_t at, int64_t length, int64_t offset, bool killSuid) {
  bool inside = at >= 0 && length >= 0 && static_cast<uint64_t>(at) + static_cast<uint64_t>(length) <= requestBytes;
  if (!inside || offset < 0) return -EINVAL;
  int64_t error = killSuid ? killSuidOf(fd) : 0;
  if (error < 0) return error;
  if (Fill* fill = fillOf(fd)) return fill->write(request + at, static_cast<size_t>(length), offset);
  return pwriteAll(fd, request + at, static_cast<size_t>(length), offset);
}

}  // namespace stratafs
