// fsync(2) for a request beside the loop. A disk may take seconds for it, and whoever else uses the mount, or another
// mount of the thread, would wait as long. The kernel takes replies from any thread.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <memory>

#include "device.h"
#include "thread-pool.h"

namespace stratafs {

namespace {

// Handing over takes two changes of thread. What the disk does in that time is not worth it.
constexpr int64_t kQuick = 500'000;
// Each waits for a disk, and takes no processor's time.
constexpr int kThreads = 16;
constexpr size_t kWaiting = 1024;
constexpr size_t kUniqueAt = 8;  // in fuse_in_header and fuse_out_header

using LastTime = std::shared_ptr<std::atomic<int64_t>>;

ThreadPool& syncers() {
  static ThreadPool* const all = new ThreadPool(kThreads, kWaiting, [] { return false; });
  return *all;
}

int32_t syncNow(int fd, bool dataOnly, const LastTime& lastTime) {
  int64_t begin = Spin::now();
  int result = dataOnly ? ::fdatasync(fd) : ::fsync(fd);
  int32_t error = result == 0 ? 0 : -errno;
  lastTime->store(Spin::now() - begin, std::memory_order_relaxed);
  return error;
}

// One request's, with descriptors of its own: the file may be closed and the mount may end meanwhile.
class Syncing {
 public:
  Syncing(int device, int fd, bool dataOnly, uint64_t unique, LastTime lastTime)
      : device_(::fcntl(device, F_DUPFD_CLOEXEC, 0)),
        fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)),
        dataOnly_(dataOnly),
        unique_(unique),
        lastTime_(std::move(lastTime)) {}
  ~Syncing() {
    if (fd_ >= 0) ::close(fd_);
    if (device_ >= 0) ::close(device_);
  }
  Syncing(const Syncing&) = delete;
  Syncing& operator=(const Syncing&) = delete;

  bool isReady() const { return device_ >= 0 && fd_ >= 0; }

  // Whoever has asked may be gone by then, and the mount, too.
  void run() {
    int32_t error = syncNow(fd_, dataOnly_, lastTime_);
    uint8_t reply[Device::kHeader];
    const uint32_t length = sizeof reply;
    memcpy(reply, &length, sizeof length);
    memcpy(reply + sizeof length, &error, sizeof error);
    memcpy(reply + kUniqueAt, &unique_, sizeof unique_);
    while (::write(device_, reply, sizeof reply) < 0 && (errno == EINTR || errno == EAGAIN)) {
    }
  }

 private:
  const int device_;
  const int fd_;
  const bool dataOnly_;
  const uint64_t unique_;
  const LastTime lastTime_;
};

}  // namespace

int64_t Device::sync(int fd, bool dataOnly, bool alone) {
  if (lastSync_ == nullptr) lastSync_ = std::make_shared<std::atomic<int64_t>>(kQuick);
  bool quick = alone && lastSync_->load(std::memory_order_relaxed) < kQuick;
  if (!direct_ || quick) return syncNow(fd, dataOnly, lastSync_);
  uint64_t unique;
  memcpy(&unique, request + kUniqueAt, sizeof unique);
  auto syncing = std::make_shared<Syncing>(fd_, fd, dataOnly, unique, lastSync_);
  if (syncing->isReady() && syncers().add([syncing] { syncing->run(); })) return kLater;
  return syncNow(fd, dataOnly, lastSync_);
}

}  // namespace stratafs
