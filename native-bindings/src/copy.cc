// The content of a copy-up: cloned where the filesystem can, else data extents only, so that holes stay holes. Each
// way that is not possible here leads to the next; errors that the next would meet too (ENOSPC, EDQUOT, EIO) end it.
// A source that shrinks meanwhile leaves a hole at the end, never an endless loop.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "copy.h"
#include "io.h"
#include "place.h"

namespace stratafs {

namespace {

constexpr size_t kChunk = 256 * 1024;
constexpr int64_t kRangeChunk = int64_t{1} << 26;  // also how far a copy goes on after it was cancelled

// True where copy_file_range is not for these files, but reading and writing may be.
bool refused(int error) {
  return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS || error == EPERM ||
         error == EBADF || error == ETXTBSY || error == EOVERFLOW;
}

// Bytes moved, 0 at the end of the source, or -errno.
int64_t moveInKernel(Copy& copy, int64_t at, int64_t length) {
  for (;;) {
    int64_t in = at, out = at;
    size_t want = static_cast<size_t>(std::min(length, kRangeChunk));
    ssize_t moved = ::copy_file_range(copy.from, &in, copy.to, &out, want, 0);
    if (moved >= 0) return moved;
    if (errno != EINTR) return -errno;
  }
}

int64_t moveByHand(Copy& copy, int64_t at, int64_t length) {
  if (!copy.buffer) copy.buffer.reset(new uint8_t[kChunk]);
  size_t want = static_cast<size_t>(std::min<int64_t>(length, kChunk));
  int64_t got = preadAll(copy.from, copy.buffer.get(), want, at);
  for (int64_t done = 0; done < got;) {
    int64_t put = pwriteAll(copy.to, copy.buffer.get() + done, static_cast<size_t>(got - done), at + done);
    if (put < 0) return put;
    if (put == 0) return -EIO;
    done += put;
  }
  return got;
}

// Some filesystems answer 0 to copy_file_range though there is data (procfs and the like): reading decides.
int64_t moveSome(Copy& copy, int64_t at, int64_t length) {
  if (copy.inKernel) {
    int64_t moved = moveInKernel(copy, at, length);
    if (moved > 0) return moved;
    if (moved < 0 && !refused(static_cast<int>(-moved))) return moved;
    copy.inKernel = false;
  }
  return moveByHand(copy, at, length);
}

}  // namespace

int64_t copyExtent(Copy& copy, int64_t at, int64_t end) {
  while (at < end) {
    if (copy.cancelled && *copy.cancelled) return -ECANCELED;
    int64_t moved = moveSome(copy, at, end - at);
    if (moved < 0) return moved;
    if (moved == 0) return at;
    at += moved;
    copy.copied += moved;
  }
  return at;
}

int64_t dataFrom(int fd, int64_t at, int64_t size) {
  int64_t data = ::lseek(fd, at, SEEK_DATA);
  if (data >= 0) return std::min(data, size);
  if (errno == ENXIO) return size;
  return errno == EINVAL || errno == EOPNOTSUPP ? at : -errno;
}

int64_t dataUntil(int fd, int64_t at, int64_t size) {
  int64_t hole = ::lseek(fd, at, SEEK_HOLE);
  return hole > at ? std::min(hole, size) : hole < 0 ? size : std::min(at + 4096, size);
}

namespace {

// How far the copy reaches then, without a hole at its end, or -errno.
int64_t copyExtents(Copy& copy, int64_t size) {
  int64_t reached = 0;
  for (int64_t at = 0; at < size;) {
    int64_t data = dataFrom(copy.from, at, size);
    if (data < 0) return data;
    if (data >= size) break;
    at = dataUntil(copy.from, data, size);
    int64_t end = copyExtent(copy, data, at);
    if (end < 0) return end;
    reached = end;
  }
  return reached;
}

}  // namespace

int64_t copyAll(int from, int to, int64_t size, const std::atomic<bool>* cancelled) {
  if (size < 0) return -EINVAL;
  Copy copy{from, to};
  copy.cancelled = cancelled;
  bool cloned = size > 0 && ::ioctl(to, FICLONE, from) == 0;
  int64_t reached = cloned ? -1 : copyExtents(copy, size);
  if (!cloned && reached < 0) return reached;
  // To truncate a file to the size that it has is work, too, on ext4.
  if (reached != size && ::ftruncate(to, size) != 0) return -errno;
  return copy.copied;
}

namespace {

int64_t copyContent(Call&, int from, int to, int64_t size) { return copyAll(from, to, size, nullptr); }

// A copy on a thread of its own. `done` is set last, then the waker is signalled.
struct Job {
  std::thread thread;
  std::atomic<bool> cancelled{false};
  std::atomic<bool> done{false};
  int64_t result = 0;
};

std::mutex jobsGuard;
std::map<int, std::unique_ptr<Job>> jobs;
int lastJob = 0;

void runJob(Job& job, int from, int to, int64_t size, bool sync, int wakeFd) {
  int64_t copied = copyAll(from, to, size, &job.cancelled);
  if (copied >= 0 && sync && ::fsync(to) != 0) copied = -errno;
  job.result = copied;
  job.done = true;
  uint64_t one = 1;
  // A full counter has woken already.
  if (::write(wakeFd, &one, sizeof one) < 0) return;
}

int64_t startCopy(Call&, int from, int to, int64_t size, bool sync, int wakeFd) {
  std::lock_guard<std::mutex> lock(jobsGuard);
  auto job = std::make_unique<Job>();
  Job& kept = *job;
  try {
    job->thread = std::thread([&kept, from, to, size, sync, wakeFd] { runJob(kept, from, to, size, sync, wakeFd); });
  } catch (const std::system_error&) {
    return -EAGAIN;
  }
  jobs[++lastJob] = std::move(job);
  return lastJob;
}

// Takes a job out of the table and waits for its thread.
int64_t endJob(int id, bool onlyDone) {
  std::unique_ptr<Job> job;
  {
    std::lock_guard<std::mutex> lock(jobsGuard);
    auto found = jobs.find(id);
    if (found == jobs.end()) return -EINVAL;
    if (onlyDone && !found->second->done) return -EINPROGRESS;
    job = std::move(found->second);
    jobs.erase(found);
  }
  job->cancelled = !onlyDone;
  job->thread.join();
  return job->result;
}

int64_t endCopy(Call&, int id) { return endJob(id, true); }

int64_t cancelCopy(Call&, int id) { return endJob(id, false); }

}  // namespace

void describeCopy(Table& table) {
  table.add<copyContent>("copyContent");
  table.add<startCopy>("startCopy");
  table.add<endCopy>("endCopy");
  table.add<cancelCopy>("cancelCopy");
}

}  // namespace stratafs
