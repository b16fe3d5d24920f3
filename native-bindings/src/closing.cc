// Descriptors closed on a thread of their own. The last descriptor of a file without a name frees its inode and all its
// pages or blocks. That takes longer than the request that took the name, and nobody has to wait for it. XFS does the
// same in the kernel (fs/xfs/xfs_icache.c, inodegc).
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "bridge.h"

namespace stratafs {

namespace {

// Space of which the filesystem does not know yet that it is free must stay little: what comes on top is closed by the
// caller.
constexpr size_t kMost = 128;
constexpr blkcnt_t kLargest = 512;  // blocks of 512 bytes
// The thread looks by itself, so that nobody has to wake it, and ends when there was nothing for as many times.
constexpr auto kLook = std::chrono::milliseconds(1);
constexpr int kLooks = 20;

class Closer {
 public:
  // False where the caller has to close it.
  bool add(int fd) {
    std::lock_guard<std::mutex> lock(guard_);
    if (waiting_.size() >= kMost || (!runs_ && !begin())) return false;
    waiting_.push_back(fd);
    return true;
  }

  // Until all that was handed over is closed.
  void settle() {
    std::unique_lock<std::mutex> lock(guard_);
    while (!waiting_.empty() || closing_) done_.wait(lock);
  }

 private:
  bool begin() {
    try {
      std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
      return false;
    }
    runs_ = true;
    return true;
  }

  void work() {
    std::unique_lock<std::mutex> lock(guard_);
    // It ends only where it has just found nothing, under the lock: what is handed over later begins another one.
    for (int idle = 0; idle < kLooks; idle = closeAll(lock) ? 0 : idle + 1) {
      lock.unlock();
      std::this_thread::sleep_for(kLook);
      lock.lock();
    }
    runs_ = false;
  }

  bool closeAll(std::unique_lock<std::mutex>& lock) {
    bool any = !waiting_.empty();
    while (!waiting_.empty()) {
      std::swap(waiting_, taken_);
      closing_ = true;
      lock.unlock();
      for (int fd : taken_) ::close(fd);
      taken_.clear();
      lock.lock();
      closing_ = false;
    }
    if (any) done_.notify_all();
    return any;
  }

  std::mutex guard_;
  std::condition_variable done_;
  std::vector<int> waiting_;
  std::vector<int> taken_;
  bool runs_ = false;
  bool closing_ = false;
};

// Never destroyed: its thread may outlive whatever ends the process.
Closer& closer() {
  static Closer* const one = new Closer();
  return *one;
}

int64_t closeSoon(Call&, int fd) {
  struct stat stat;
  bool soon = ::fstat(fd, &stat) == 0 && stat.st_blocks <= kLargest && closer().add(fd);
  return soon ? 0 : result(::close(fd));
}

int64_t settleClosing(Call&) {
  closer().settle();
  return 0;
}

}  // namespace

void describeClosing(Table& table) {
  table.add<closeSoon>("closeSoon");
  table.add<settleClosing>("settleClosing");
}

}  // namespace stratafs
