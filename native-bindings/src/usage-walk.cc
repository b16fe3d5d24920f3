// Counts what an upper holds that nobody has counted, on a thread of its own beside the mount. What changes meanwhile
// is written down by who changes it (Usage::touched), so what the walk saw of that does not count. A directory that is
// moved while the walk is below it may be missed: the walk then says EAGAIN, and begins anew.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "owners-power.h"
#include "place.h"
#include "usage.h"

namespace stratafs {

namespace {

struct Level {
  uint64_t inode;
  std::vector<std::string> directories;
};

struct Walk {
  std::thread thread;
  std::atomic<bool> cancelled{false};
  std::atomic<bool> done{false};
  std::atomic<uint64_t> seen{0};
  std::unordered_map<uint64_t, uint64_t> found;
  int64_t result = 0;
  int wakeFd = -1;
};

thread_local std::map<int, std::unique_ptr<Walk>> walks;

// Counts the entries of the directory `fd`; its directories are left in `level`.
int64_t countEntries(Walk& walk, int fd, Level& level) {
  int opened = static_cast<int>(asOwner([&] { return ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  // What its owner cannot read was not put there by the mount.
  if (opened < 0) return errno == EACCES ? 0 : -errno;
  DIR* stream = ::fdopendir(opened);
  if (stream == nullptr) return ::close(opened), -ENOMEM;
  while (struct dirent* entry = ::readdir(stream)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    struct stat st;
    // It has gone meanwhile.
    if (::fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (isCounted(st)) walk.found[st.st_ino] = static_cast<uint64_t>(st.st_blocks);
    walk.seen.fetch_add(1, std::memory_order_relaxed);
    if (S_ISDIR(st.st_mode)) level.directories.push_back(entry->d_name);
  }
  ::closedir(stream);
  return 0;
}

uint64_t inodeAt(int fd) {
  struct stat st;
  return ::fstat(fd, &st) == 0 ? st.st_ino : 0;
}

// One descriptor at a time, whatever the depth: up again by `..`, which must lead to where the walk came from.
int64_t walkBelow(Walk& walk, int root) {
  Held at(::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (at.bad()) return -errno;
  int here = at.release();
  std::vector<Level> levels{{inodeAt(here), {}}};
  int64_t error = countEntries(walk, here, levels.back());
  while (error == 0 && !levels.empty()) {
    if (walk.cancelled) error = -ECANCELED;
    if (error != 0) break;
    if (levels.back().directories.empty()) {
      levels.pop_back();
      if (levels.empty()) break;
      int up = ::openat(here, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
      if (up < 0 || inodeAt(up) != levels.back().inode) error = -EAGAIN;
      ::close(here);
      here = up;
      continue;
    }
    std::string name = std::move(levels.back().directories.back());
    levels.back().directories.pop_back();
    int down = ::openat(here, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    // Removed, or no directory any more.
    if (down < 0) continue;
    ::close(here);
    here = down;
    levels.push_back({inodeAt(here), {}});
    error = countEntries(walk, here, levels.back());
  }
  if (here >= 0) ::close(here);
  return error;
}

int64_t countTree(Walk& walk, int root) {
  struct stat st;
  if (::fstat(root, &st) != 0) return -errno;
  walk.found[st.st_ino] = static_cast<uint64_t>(st.st_blocks);
  return walkBelow(walk, root);
}

bool isNumber(const char* name) { return *name != 0 && strspn(name, "0123456789") == strlen(name); }

// The layers that were uppers: those directories in `store` whose names are numbers.
int64_t countSnapshots(Walk& walk, int store) {
  int opened = ::openat(store, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = opened < 0 ? nullptr : ::fdopendir(opened);
  if (stream == nullptr) return opened < 0 ? -errno : (::close(opened), -ENOMEM);
  int64_t error = 0;
  while (struct dirent* entry = error == 0 ? ::readdir(stream) : nullptr) {
    if (!isNumber(entry->d_name)) continue;
    Held layer(::openat(store, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // It has been merged away meanwhile.
    if (!layer.bad()) error = countTree(walk, layer.fd());
  }
  ::closedir(stream);
  return error;
}

struct Roots {
  int upper = -1;
  int index = -1;
  int store = -1;
};

int64_t countAll(Walk& walk, const Roots& roots) {
  int64_t error = countTree(walk, roots.upper);
  if (error == 0 && roots.index >= 0) error = walkBelow(walk, roots.index);
  return error == 0 && roots.store >= 0 ? countSnapshots(walk, roots.store) : error;
}

void run(Walk& walk, const Roots& roots) {
  walk.result = countAll(walk, roots);
  for (int fd : {roots.upper, roots.index, roots.store})
    if (fd >= 0) ::close(fd);
  walk.done = true;
  uint64_t one = 1;
  if (walk.wakeFd >= 0 && ::write(walk.wakeFd, &one, sizeof one) < 0) return;
}

// Begins to count; `index` and `store` may be -1. Waits for the end where `wakeFd` is -1, or no thread is to be had.
int64_t usageWalk(Call&, int id, int upper, int index, int store, int wakeFd) {
  Usage* usage = usageOf(id);
  if (usage == nullptr || walks.count(id) != 0) return -EBADF;
  auto made = std::make_unique<Walk>();
  Walk& walk = *made;
  walk.wakeFd = wakeFd;
  auto own = [](int fd) { return fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 3); };
  Roots roots{own(upper), own(index), own(store)};
  if (roots.upper < 0) return -errno;
  usage->counts = true;
  usage->touched.clear();
  try {
    if (wakeFd < 0) throw std::system_error(EAGAIN, std::generic_category());
    walk.thread = std::thread([&walk, roots] { run(walk, roots); });
  } catch (const std::system_error&) {
    run(walk, roots);
  }
  walks[id] = std::move(made);
  return 0;
}

// Entries seen so far; -ENOENT: there is no walk.
int64_t usageSeen(Call&, int id) {
  auto found = walks.find(id);
  return found == walks.end() ? -ENOENT : static_cast<int64_t>(found->second->seen.load());
}

// What a finished walk found takes the place of the guess, but for what changed meanwhile.
void merge(Usage& usage, const Walk& walk) {
  std::vector<uint64_t> gone;
  usage.table.each([&](const InodeTable::Slot& slot) {
    if (walk.found.count(slot.inode) == 0 && usage.touched.count(slot.inode) == 0) gone.push_back(slot.inode);
  });
  usage.counts = false;
  usage.table.reserve(walk.found.size() + usage.touched.size());
  for (uint64_t inode : gone) usage.drop(inode);
  for (const auto& [inode, sectors] : walk.found)
    if (usage.touched.count(inode) == 0) usage.set(inode, sectors);
  usage.touched.clear();
  usage.before = usage.inodesBefore = 0;
}

// 0 when a walk has ended and counts; -EINPROGRESS; -ENOENT: there is none; another error: nothing came of it.
int64_t usageWalked(Call&, int id, bool cancel) {
  auto found = walks.find(id);
  Usage* usage = usageOf(id);
  if (found == walks.end() || usage == nullptr) return -ENOENT;
  Walk& walk = *found->second;
  if (cancel) walk.cancelled = true;
  if (!cancel && !walk.done) return -EINPROGRESS;
  if (walk.thread.joinable()) walk.thread.join();
  int64_t error = walk.result;
  if (error == 0) merge(*usage, walk);
  usage->counts = false;
  walks.erase(found);
  return error;
}

}  // namespace

void describeUsageWalk(Table& table) {
  table.add<usageWalk>("usageWalk");
  table.add<usageSeen>("usageSeen");
  table.add<usageWalked>("usageWalked");
}

}  // namespace stratafs
