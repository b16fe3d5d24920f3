// Files that are written to while they are being copied, as JavaScript sees them: each is known by the descriptor that
// is being filled.
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <system_error>
#include <unordered_map>

#include "fill.h"
#include "place.h"

namespace stratafs {

namespace {

std::mutex guard;
std::unordered_map<int, std::shared_ptr<Fill>> fills;
std::atomic<size_t> count{0};

// `keep`: a file in which what another process needs is kept (Fill::Kept), -1: none; `resumed`: it is there already.
int64_t startFill(Call&, int from, int to, int64_t size, bool sync, int wakeFd, int keep, bool resumed) {
  Held source(::fcntl(from, F_DUPFD_CLOEXEC, 0));
  Held target(::fcntl(to, F_DUPFD_CLOEXEC, 0));
  if (source.bad() || target.bad()) return -EMFILE;
  Fill::Kept* kept = keep < 0 ? nullptr : Fill::keep(keep, size, resumed);
  if (keep >= 0 && kept == nullptr) return -ENODATA;
  auto fill = std::make_shared<Fill>(source.release(), target.release(), size, sync, wakeFd, kept);
  if (!fill->start()) return -EAGAIN;
  std::lock_guard<std::mutex> lock(guard);
  fills[to] = std::move(fill);
  count = fills.size();
  return 0;
}

// `act` on the fill of `fd`; -EBADF where there is none.
template <class F>
int64_t with(int fd, F act) {
  Fill* fill = fillOf(fd);
  return fill == nullptr ? -EBADF : act(*fill);
}

int64_t fillState(Call&, int fd, bool hurry) {
  return with(fd, [&](Fill& fill) {
    if (!hurry) return fill.state();
    fill.hurry();
    return fill.stateAgain();
  });
}

int64_t waitFill(Call&, int fd) {
  return with(fd, [](Fill& fill) { return fill.wait(); });
}

// A copier that is under way ends by itself, soon: it may be waiting for the disk.
int64_t endFill(Call&, int fd) {
  std::shared_ptr<Fill> ended;
  {
    std::lock_guard<std::mutex> lock(guard);
    auto found = fills.find(fd);
    if (found == fills.end()) return -EBADF;
    ended = std::move(found->second);
    fills.erase(found);
    count = fills.size();
  }
  if (ended->state() != -EINPROGRESS) return 0;
  ended->cancel();
  try {
    std::thread([last = std::move(ended)]() mutable { last.reset(); }).detach();
  } catch (const std::system_error&) {
    // `ended` waits for it here.
  }
  return 0;
}

int64_t fillTouch(Call&, int fd, int64_t seconds, int64_t nanoseconds) {
  const struct timespec mtime = {seconds, nanoseconds};
  return with(fd, [&](Fill& fill) { return fill.touch(nanoseconds == UTIME_OMIT ? nullptr : &mtime), 0; });
}

int64_t fillShown(Call&, int fd, Doubles into) {
  if (into.length < 6) return -EINVAL;
  return with(fd, [&](Fill& fill) {
    const Fill::Shown shown = fill.shown();
    into.data[0] = static_cast<double>(shown.mtime.tv_sec);
    into.data[1] = static_cast<double>(shown.mtime.tv_nsec);
    into.data[2] = static_cast<double>(shown.ctime.tv_sec);
    into.data[3] = static_cast<double>(shown.ctime.tv_nsec);
    into.data[4] = static_cast<double>(shown.sourceBlocks);
    into.data[5] = static_cast<double>(shown.copied);
    return 0;
  });
}

int64_t cloneContent(Call&, int from, int to) { return result(::ioctl(to, FICLONE, from)); }

}  // namespace

Fill* fillOf(int fd) {
  if (count.load(std::memory_order_relaxed) == 0) return nullptr;
  std::lock_guard<std::mutex> lock(guard);
  auto found = fills.find(fd);
  return found == fills.end() ? nullptr : found->second.get();
}

void describeFill(Table& table) {
  table.add<startFill>("startFill");
  table.add<fillState>("fillState");
  table.add<waitFill>("waitFill");
  table.add<endFill>("endFill");
  table.add<fillTouch>("fillTouch");
  table.add<fillShown>("fillShown");
  table.add<cloneContent>("cloneContent");
}

}  // namespace stratafs
