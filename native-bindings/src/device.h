// One FUSE connection: the loop of write-reply, wait, read-request, and the data requests it answers by itself. Knows
// no JavaScript; device-class.cc shows it to there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpu-latency.h"
#include "spin.h"
#include "usage.h"

namespace stratafs {

struct Binding {
  int fd;
  bool writable;
  bool used = true;         // since it was made, or since that was last asked
  bool sequential = false;  // the file's own read-ahead was told so
  bool written = false;     // since its blocks were last counted
  bool changed = false;     // written to since that was last asked
};

class Device {
 public:
  static constexpr size_t kHeader = 16;                    // fuse_out_header
  static constexpr size_t kLeastReply = (1 << 20) + 4096;  // the largest max_write, and room for a header
  static constexpr size_t kLeastRequest = 8192;            // FUSE_MIN_READ_BUFFER: the kernel refuses less
  static constexpr int64_t kLater = -65537;                // LATER in src/base/errno.ts
  enum Counter { kReads, kReadBytes, kWrites, kWrittenBytes, kRequests, kFailed, kAwakenings, kCounters };

  // Owns `fd`; the memory belongs to JavaScript and outlives the device.
  Device(int fd, int wakeFd);
  ~Device() { close(); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  int64_t next(uint32_t replyBytes);
  int64_t send(uint32_t replyBytes);
  int64_t take();
  int64_t resend();
  void bind(double nodeid, int fd, bool writable);
  void unbind(double nodeid);
  bool used(double nodeid);
  bool changed(double nodeid);
  int64_t openBacking(int fd);
  int64_t closeBacking(int id);
  int64_t forgetAttributes(double nodeid);
  int64_t storeContent(double nodeid, int fd, uint32_t size);
  void readAhead(int dirFd, const char* name);
  // fsync(2), or fdatasync(2), of `fd` for the request in hand. 0 or -errno; or kLater: the reply is written when the
  // disk is done, by another thread. `alone`: what can be expected to be quick is done here.
  int64_t sync(int fd, bool dataOnly, bool alone);
  void keepAwake(int fd) { awake_.use(fd); }
  // From now on `next` also returns 0 when another descriptor of `epoll` than the one called `key` is ready.
  void share(int epoll, uint32_t key) { epoll_ = epoll, key_ = key; }
  void direct(bool enabled) { direct_ = enabled; }
  // What is written is counted as the usage `id` from now on; -1: it is not.
  void count(int id) { usage_ = usageOf(id); }
  // What was written since the last call is counted.
  void settleWritten();
  int64_t readInto(int fd, int64_t length, int64_t offset);
  int64_t writeFrom(int fd, int64_t at, int64_t length, int64_t offset, bool killSuid);
  void close();

  uint8_t* request = nullptr;
  size_t requestBytes = 0;
  uint8_t* reply = nullptr;
  size_t replyBytes = 0;
  double* counters = nullptr;

 private:
  int64_t writeReply(size_t length);
  int64_t settleReply(size_t length);
  int64_t readRequest();
  int64_t tryRequest();
  int64_t waitForRequest();
  int64_t waitAmongOthers();
  bool isInterrupted();
  bool tookLong() const;
  int64_t pause();
  bool woken();
  bool serve(size_t length, int64_t* error);
  void answerRead(Binding& binding);
  void answerWrite(Binding& binding, size_t length);
  bool fits();
  void askAhead();
  size_t finishReply(int64_t result, size_t payload);

  int fd_;
  int wakeFd_;
  int epoll_ = -1;  // of the thread that serves others, too; -1: only `wakeFd_` is looked at
  uint32_t key_ = 0;
  Usage* usage_ = nullptr;
  bool direct_ = true;
  uint32_t turns_ = 0;
  int64_t readAt_ = 0;  // when the request in hand came, in nanoseconds
  Spin spin_;
  Awake awake_;
  std::vector<uint8_t> content_;  // of a file on its way into the page cache, behind the head of its message
  int aheadDir_ = -1;             // with the name, what is to be read ahead after the next reply
  std::string aheadName_;
  std::shared_ptr<std::atomic<int64_t>> lastSync_;  // how long it took, in nanoseconds
  size_t pending_ = 0;  // bytes of a reply made by `serve`, to be written
  std::unordered_map<uint64_t, Binding> bindings_;
};

}  // namespace stratafs
