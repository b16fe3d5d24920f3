// Directories of layers brought into the kernel's memory on threads of their own, before the engine comes to them: a walk over
// what lies on a disk would wait for one block after the other, while the disk could look for several at once. Nothing is
// kept here and nobody waits; what cannot be read is somebody else's to tell of.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <atomic>
#include <string>

#include "crew.h"
#include "directories.h"
#include "place.h"

namespace stratafs {

namespace {

constexpr int kThreads = 4;
constexpr size_t kWaiting = 512;  // more would be forgotten again before somebody comes
constexpr int kEntries = 2000;    // of one directory

// How many blocks of 512 bytes this thread has had read from disks.
int64_t blocksRead() {
  struct rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_inblock : 0;
}

// Every entry is looked at once, so that its inode is there.
void lookAtAll(int fd) {
  int left = kEntries;
  forEachEntry(fd, [&](const Entry& entry) {
    struct stat stat;
    (void)::fstatat(fd, entry.name, &stat, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
    return --left > 0;
  });
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

// What they have had read from disks.
std::atomic<int64_t> blocks{0};

// Never destroyed: its threads may outlive whatever ends the process.
Crew& warmers() {
  static Crew* const all = new Crew(kThreads, kWaiting, [] { return false; });
  return *all;
}

void run(const Errand& errand) {
  int64_t before = blocksRead();
  warm(errand.parent.fd(), errand.name);
  blocks += blocksRead() - before;
}

int64_t warmDirectory(Call&, int parent, const Text& name) {
  int fd = ::fcntl(parent, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return -errno;
  auto errand = std::make_shared<Errand>(fd, name.c());
  return warmers().add([errand] { run(*errand); }) ? 0 : -EAGAIN;
}

int64_t stopWarming(Call&) { return warmers().stop(), 0; }

int64_t diskBlocksRead(Call&, bool all) { return blocksRead() + (all ? blocks.load() : 0); }

}  // namespace

void describeWarm(Table& table) {
  table.add<warmDirectory>("warmDirectory");
  table.add<stopWarming>("stopWarming");
  table.add<diskBlocksRead>("diskBlocksRead");
}

}  // namespace stratafs
