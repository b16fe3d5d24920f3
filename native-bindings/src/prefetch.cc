// Directories of layers brought into the kernel's memory on threads of their own, before the engine comes to them: a
// walk over what lies on a disk would wait for one block after the other, while the disk could look for several at
// once. Nothing is kept here and nobody waits; what cannot be read is somebody else's to tell of.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <atomic>
#include <string>

#include "directories.h"
#include "place.h"
#include "thread-pool.h"

namespace stratafs {

namespace {

constexpr int kThreads = 8;        // they wait for the disk
constexpr size_t kWaiting = 8192;  // more would be forgotten again before somebody comes

// How many blocks of 512 bytes this thread has had read from disks.
int64_t blocksRead() {
  struct rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_inblock : 0;
}

// The directory at `path` below a layer's root, never through a link or into what is mounted there. A thread that no
// longer knows the way because somebody has changed the layer has nothing to read.
int openInLayer(int root, const std::string& path) {
  struct open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return static_cast<int>(syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof how));
}

// One directory. The root's descriptor is the layer's, which stays open until nobody warms any more.
struct Task {
  int root;
  std::string path;
  int entries;  // how many of its entries are looked at, so that their inodes are there
};

void warm(const Task& task) {
  Held fd(openInLayer(task.root, task.path));
  if (fd.bad()) return;
  char marks[512];
  (void)!::flistxattr(fd.fd(), marks, sizeof marks);
  int left = task.entries;
  forEachEntry(fd.fd(), [&](const Entry& entry) {
    struct stat stat;
    if (left-- > 0) (void)::fstatat(fd.fd(), entry.name, &stat, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
    return left > 0;
  });
}

// What they have had read from disks.
std::atomic<int64_t> blocks{0};

// Never destroyed: its threads may outlive whatever ends the process.
ThreadPool& warmers() {
  static ThreadPool* const all = new ThreadPool(kThreads, kWaiting, [] { return false; });
  return *all;
}

void run(const Task& task) {
  int64_t before = blocksRead();
  warm(task);
  blocks += blocksRead() - before;
}

int64_t prefetchDirectory(Call&, int root, const Text& path, int entries) {
  Task task{root, path.c(), entries};
  return warmers().add([task = std::move(task)] { run(task); }) ? 0 : -EAGAIN;
}

int64_t stopWarming(Call&) { return warmers().stop(), 0; }

int64_t diskBlocksRead(Call&, bool all) { return blocksRead() + (all ? blocks.load() : 0); }

}  // namespace

void describeWarm(Table& table) {
  table.add<prefetchDirectory>("prefetchDirectory");
  table.add<stopWarming>("stopWarming");
  table.add<diskBlocksRead>("diskBlocksRead");
}

}  // namespace stratafs
