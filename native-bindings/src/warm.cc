// Directories of layers brought into the kernel's memory on threads of their own, before the engine comes to them: a walk over
// what lies on a disk would wait for one block after the other, while the disk could look for several at once. Nothing is
// kept here and nobody waits; what cannot be read is somebody else's to tell of.
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "place.h"

namespace stratafs {

namespace {

constexpr int kThreads = 4;
constexpr size_t kWaiting = 512;  // more would be forgotten again before somebody comes
constexpr int kEntries = 2000;    // of one directory
constexpr auto kIdle = std::chrono::seconds(1);

// struct linux_dirent64: u64 ino @0 · s64 off @8 · u16 reclen @16 · u8 type @18 · name @19
constexpr size_t kLengthAt = 16;
constexpr size_t kNameAt = 19;

// How many blocks of 512 bytes this thread has had read from disks.
int64_t blocksRead() {
  struct rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_inblock : 0;
}

// Every entry is looked at once, so that its inode is there.
void lookAtAll(int fd) {
  alignas(8) char entries[32768];
  for (int left = kEntries; left > 0;) {
    long length = syscall(SYS_getdents64, fd, entries, sizeof entries);
    if (length <= 0) return;
    for (long at = 0; at < length && left > 0; left--) {
      uint16_t size;
      memcpy(&size, entries + at + kLengthAt, sizeof size);
      struct stat stat;
      (void)::fstatat(fd, entries + at + kNameAt, &stat, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
      at += size;
    }
  }
}

void warm(int parent, const std::string& name) {
  Held fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.bad()) return;
  char marks[512];
  (void)!::flistxattr(fd.fd(), marks, sizeof marks);
  lookAtAll(fd.fd());
}

struct Errand {
  Errand(int directory, const char* called) : parent(directory), name(called) {}
  Held parent;
  const std::string name;
};

class Warmers {
 public:
  int64_t add(std::unique_ptr<Errand> errand) {
    std::lock_guard<std::mutex> lock(guard_);
    if (queue_.size() >= kWaiting) return -EAGAIN;
    if (idle_ <= queue_.size() && threads_ < kThreads && !addThread()) return -EAGAIN;
    queue_.push_back(std::move(errand));
    wanted_.notify_one();
    return 0;
  }

  // Forgets what nobody has begun, and waits for the rest.
  void stop() {
    std::unique_lock<std::mutex> lock(guard_);
    queue_.clear();
    while (running_ > 0) done_.wait(lock);
  }

  int64_t blocks() const { return blocks_; }

 private:
  bool addThread() {
    try {
      std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
      return threads_ > 0;
    }
    threads_++;
    return true;
  }

  void work() {
    std::unique_lock<std::mutex> lock(guard_);
    for (bool wanted = true; wanted;) {
      while (!queue_.empty()) runOne(lock);
      idle_++;
      wanted = wanted_.wait_for(lock, kIdle, [this] { return !queue_.empty(); });
      idle_--;
    }
    threads_--;
  }

  void runOne(std::unique_lock<std::mutex>& lock) {
    std::unique_ptr<Errand> errand = std::move(queue_.front());
    queue_.pop_front();
    running_++;
    lock.unlock();
    int64_t before = blocksRead();
    warm(errand->parent.fd(), errand->name);
    blocks_ += blocksRead() - before;
    errand.reset();
    lock.lock();
    running_--;
    done_.notify_all();
  }

  std::mutex guard_;
  std::condition_variable wanted_;
  std::condition_variable done_;
  std::deque<std::unique_ptr<Errand>> queue_;
  std::atomic<int64_t> blocks_{0};
  int threads_ = 0;
  int running_ = 0;
  size_t idle_ = 0;
};

// Never destroyed: its threads may outlive whatever ends the process.
Warmers& warmers() {
  static Warmers* const all = new Warmers();
  return *all;
}

int64_t warmDirectory(Call&, int parent, const Text& name) {
  int fd = ::fcntl(parent, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return -errno;
  return warmers().add(std::make_unique<Errand>(fd, name.c()));
}

int64_t stopWarming(Call&) { return warmers().stop(), 0; }

int64_t diskBlocksRead(Call&, bool all) { return blocksRead() + (all ? warmers().blocks() : 0); }

}  // namespace

void describeWarm(Table& table) {
  table.add<warmDirectory>("warmDirectory");
  table.add<stopWarming>("stopWarming");
  table.add<diskBlocksRead>("diskBlocksRead");
}

}  // namespace stratafs
