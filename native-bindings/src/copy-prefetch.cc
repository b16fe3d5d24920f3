// Copies of lower files, made on threads of their own before anybody asked for them: without a name, with content,
// owner, mode, attributes and times, and on disk if so wished. Who then copies such a file up has only to give it its
// name. What nobody takes within a second is let go of, and leaves nothing behind.
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <map>
#include <memory>
#include <string>

#include "copy.h"
#include "place.h"
#include "thread-pool.h"

namespace stratafs {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kKept = std::chrono::seconds(1);
constexpr int kThreads = 8;  // they wait for the disk: as many as it may have at once
constexpr size_t kNames = 512;
constexpr uint64_t kRoom = uint64_t{256} << 20;
constexpr char kLabel[] = "security.selinux";

enum class Stage { waiting, running, done };

// One file to be made. The descriptors are its own.
struct Task {
  Task(int source, int target, const Text& called, const Text& attribute, Bytes value, int64_t most, bool synced)
      : directory(source),
        work(target),
        name(called.c()),
        mark(attribute.c()),
        origin(value.data, value.data + value.length),
        limit(most),
        sync(synced) {}
  // Closed by the thread that needed them: who takes the file has none to close.
  Held directory;
  Held work;
  const std::string name;
  const std::string mark;
  const std::vector<uint8_t> origin;
  const int64_t limit;
  const bool sync;
  Stage stage = Stage::waiting;
  bool dropped = false;
  int64_t result = 0;  // a descriptor, or -errno
  Clock::time_point ended{};
};

// Whether a file carries nothing but a label that a security module puts on every file: what else there may be is for
// the engine to judge. 0: nothing at all, 1: a label, or -errno.
int labelled(int fd) {
  char names[kNames];
  ssize_t length = ::flistxattr(fd, names, sizeof names);
  if (length < 0) return errno == EOPNOTSUPP ? 0 : -errno;
  if (length == 0) return 0;
  bool alone = static_cast<size_t>(length) == sizeof kLabel && memcmp(names, kLabel, sizeof kLabel) == 0;
  return alone ? 1 : -EOPNOTSUPP;
}

// chattr +S and +A are for the engine to copy, too.
bool isFlagged(int fd) {
  unsigned int flags = 0;
  return ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_SYNC_FL | FS_NOATIME_FL)) != 0;
}

int64_t copyLabel(int from, int to) {
  char value[kNames];
  ssize_t size = ::fgetxattr(from, kLabel, value, sizeof value);
  return result(size < 0 ? size : ::fsetxattr(to, kLabel, value, static_cast<size_t>(size), 0));
}

// As the file it comes from, chown first, since that clears setuid; times last.
int64_t dress(const Task& task, int from, int to, const struct stat& stat, bool label) {
  if (::fchown(to, stat.st_uid, stat.st_gid) != 0) return -errno;
  int64_t error = label ? copyLabel(from, to) : 0;
  if (error < 0) return error;
  // The last mode may keep its own owner from setting marks.
  if (::fsetxattr(to, task.mark.c_str(), task.origin.data(), task.origin.size(), 0) != 0) return -errno;
  if (::fchmod(to, stat.st_mode & 07777) != 0) return -errno;
  const struct timespec times[2] = {stat.st_atim, stat.st_mtim};
  return result(::futimens(to, times));
}

// What nobody may come for must not take the last of the room.
bool isRoomy(int fd) {
  struct statvfs room;
  return ::fstatvfs(fd, &room) == 0 && static_cast<uint64_t>(room.f_bavail) * room.f_frsize > kRoom;
}

// The file, or -errno.
int64_t make(const Task& task) {
  Held from(
      ::openat(task.directory.fd(), task.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat stat;
  if (from.bad() || ::fstat(from.fd(), &stat) != 0) return -errno;
  if (!S_ISREG(stat.st_mode) || stat.st_size > task.limit) return -EFBIG;
  int label = labelled(from.fd());
  if (label < 0) return label;
  if (isFlagged(from.fd())) return -EOPNOTSUPP;
  if (!isRoomy(task.work.fd())) return -ENOSPC;
  Held to(::openat(task.work.fd(), ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (to.bad()) return -errno;
  int64_t error = copyAll(from.fd(), to.fd(), stat.st_size, nullptr);
  if (error >= 0) error = dress(task, from.fd(), to.fd(), stat, label > 0);
  if (error >= 0 && task.sync) error = result(::fsync(to.fd()));
  return error < 0 ? error : to.release();
}

void letGo(const Task& task) {
  if (task.result >= 0) ::close(static_cast<int>(task.result));
}

class CopyPrefetcher {
 public:
  int64_t start(std::shared_ptr<Task> task) {
    std::lock_guard<std::mutex> lock(guard_);
    if (!pool_.add([this, task] { run(*task); })) return -EAGAIN;
    tasks_[++last_] = std::move(task);
    return last_;
  }

  // Waits for one that is being made; one that nobody has begun is not made any more.
  int64_t take(int id) {
    std::unique_lock<std::mutex> lock(guard_);
    std::shared_ptr<Task> task = remove(id);
    if (!task) return -ENOENT;
    if (task->stage == Stage::waiting) return task->dropped = true, -EAGAIN;
    while (task->stage != Stage::done) done_.wait(lock);
    return task->result;
  }

  int64_t drop(int id, bool wait) {
    std::unique_lock<std::mutex> lock(guard_);
    std::shared_ptr<Task> task = remove(id);
    if (!task) return -ENOENT;
    if (task->stage == Stage::done) return letGo(*task), 0;
    task->dropped = true;
    while (wait && task->stage == Stage::running) done_.wait(lock);
    return 0;
  }

 private:
  std::shared_ptr<Task> remove(int id) {
    auto found = tasks_.find(id);
    if (found == tasks_.end()) return nullptr;
    std::shared_ptr<Task> task = found->second;
    tasks_.erase(found);
    return task;
  }

  void run(Task& task) {
    {
      std::lock_guard<std::mutex> lock(guard_);
      if (task.dropped) return;
      task.stage = Stage::running;
    }
    int64_t result = make(task);
    task.directory.close();
    task.work.close();
    std::lock_guard<std::mutex> lock(guard_);
    task.result = result;
    task.stage = Stage::done;
    task.ended = Clock::now();
    if (task.dropped) letGo(task);
    done_.notify_all();
  }

  // Lets go of what nobody has taken; whether there is more to wait for.
  bool expire() {
    std::lock_guard<std::mutex> lock(guard_);
    const Clock::time_point before = Clock::now() - kKept;
    for (auto at = tasks_.begin(); at != tasks_.end();) {
      bool old = at->second->stage == Stage::done && at->second->ended <= before;
      if (old) letGo(*at->second);
      at = old ? tasks_.erase(at) : std::next(at);
    }
    return !tasks_.empty();
  }

  std::mutex guard_;
  std::condition_variable done_;
  std::map<int, std::shared_ptr<Task>> tasks_;
  int last_ = 0;
  ThreadPool pool_{kThreads, SIZE_MAX, [this] { return expire(); }};
};

// Never destroyed: its threads may outlive whatever ends the process.
CopyPrefetcher& makers() {
  static CopyPrefetcher* const all = new CopyPrefetcher();
  return *all;
}

int64_t startPrefetchCopy(Call&, int directory, const Text& name, int work, const Text& mark, Bytes origin,
                          int64_t limit, bool sync) {
  int from = ::fcntl(directory, F_DUPFD_CLOEXEC, 0);
  int to = ::fcntl(work, F_DUPFD_CLOEXEC, 0);
  auto task = std::make_shared<Task>(from, to, name, mark, origin, limit, sync);
  if (from < 0 || to < 0) return -EMFILE;
  return makers().start(std::move(task));
}

int64_t takePrefetchCopy(Call&, int id) { return makers().take(id); }

int64_t dropPrefetchCopy(Call&, int id, bool wait) { return makers().drop(id, wait); }

}  // namespace

void describeAhead(Table& table) {
  table.add<startPrefetchCopy>("startPrefetchCopy");
  table.add<takePrefetchCopy>("takePrefetchCopy");
  table.add<dropPrefetchCopy>("dropPrefetchCopy");
}

}  // namespace stratafs
