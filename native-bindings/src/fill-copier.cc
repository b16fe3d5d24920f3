// The copier of a file that is written to meanwhile (see fill.h): its thread, from its start to its end.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "fill.h"

namespace stratafs {

namespace {

constexpr int64_t kChunkBlocks = (1 << 20) / Fill::kBlock;  // a writer waits for one at most
constexpr auto kFirstGrace = std::chrono::milliseconds(5);  // who opened the file may be about to overwrite it all
constexpr uint64_t kMagic = 0x6c6c69662d736673;

size_t bitWords(int64_t size) { return static_cast<size_t>((size + Fill::kBlock - 1) / Fill::kBlock + 63) / 64; }
size_t keptBytes(int64_t size) { return static_cast<size_t>(Fill::kBitsAt) + bitWords(size) * sizeof(uint64_t); }


}  // namespace

Fill::Fill(int from, int to, int64_t size, bool sync, int wakeFd, Kept* keep)
    : from_(from),
      to_(to),
      sync_(sync),
      wakeFd_(wakeFd),
      kept_(keep != nullptr ? keep : &own_),
      mapped_(keep != nullptr ? keptBytes(size) : 0),
      present_(nullptr),
      length_(kept_->length),
      blocks_(kept_->blocks),
      quietAt_(Clock::now() + kFirstGrace),
      mtime_(kept_->mtime),
      ctime_(kept_->ctime),
      copy_{from, to} {
  if (keep == nullptr) ownBits_.resize(bitWords(size));
  present_ = keep == nullptr ? ownBits_.data()
                             : reinterpret_cast<uint64_t*>(reinterpret_cast<uint8_t*>(keep) + kBitsAt);
  if (kept_->magic == kMagic) return;
  length_ = size;
  blocks_ = (size + kBlock - 1) / kBlock;
  struct stat st;
  if (::fstat(to, &st) == 0) mtime_ = st.st_mtim, ctime_ = st.st_ctim;
  if (::fstat(from, &st) == 0) kept_->sourceBlocks = st.st_blocks;
  __atomic_signal_fence(__ATOMIC_RELEASE);
  kept_->magic = kMagic;
}

Fill::Kept* Fill::keep(int fd, int64_t size, bool resumed) {
  const size_t bytes = keptBytes(size);
  struct stat st;
  if (::fstat(fd, &st) != 0) return nullptr;
  if (resumed ? static_cast<size_t>(st.st_size) < bytes : ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)) != 0)
    return nullptr;
  void* found = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (found == MAP_FAILED) return nullptr;
  Kept* kept = static_cast<Kept*>(found);
  // It died before there was anything to go on with.
  if (!resumed || kept->magic == kMagic) return kept;
  ::munmap(found, bytes);
  return nullptr;
}

Fill::~Fill() {
  cancel();
  if (thread_.joinable()) thread_.join();
  if (mapped_ != 0) ::munmap(kept_, mapped_);
  ::close(from_);
  ::close(to_);
}

void Fill::cancel() {
  Lock lock(guard_);
  cancelled_ = true;
  go_.notify_all();
}

bool Fill::start() {
  if (thread_.joinable()) thread_.join();
  state_ = -EINPROGRESS;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    state_ = -EAGAIN;
    return false;
  }
  return true;
}

int64_t Fill::state() {
  Lock lock(guard_);
  return state_;
}

int64_t Fill::stateAgain() {
  const int64_t told = state();
  if (told < 0 && told != -EINPROGRESS) start();
  return told;
}

void Fill::hurry() {
  Lock lock(guard_);
  hurried_ = true;
  go_.notify_all();
}

int64_t Fill::wait() {
  hurry();
  if (thread_.joinable()) thread_.join();
  return state_;
}

void Fill::run() {
  int64_t ended = copyAbsent();
  if (ended == 0) ended = settle();
  Lock lock(guard_);
  state_ = ended;
  const uint64_t one = 1;
  // A full counter has woken already.
  if (::write(wakeFd_, &one, sizeof one) < 0) return;
}

// The first absent block at or behind `block`; -1 where there is none.
int64_t Fill::nextAbsent(int64_t block) const {
  const int64_t found = runEnd(block, true, blocks_);
  return found < blocks_ ? found : -1;
}

int64_t Fill::copyAbsent() {
  Lock lock(guard_);
  for (int64_t at = 0;;) {
    giveWay(lock);
    if (cancelled_) return -ECANCELED;
    const int64_t first = nextAbsent(at);
    if (first < 0 && at == 0) return 0;
    if (first < 0) {
      at = 0;
      continue;
    }
    const int64_t last = runEnd(first, false, std::min(first + kChunkBlocks, blocks_));
    busyFirst_ = first, busyLast_ = last;
    lock.unlock();
    int64_t reached = last;
    const int64_t error = copyChunk(first, last, &reached);
    lock.lock();
    busyFirst_ = busyLast_ = 0;
    copied_ = copy_.copied;
    if (error == 0) mark(first, reached);
    idle_.notify_all();
    if (error < 0) return error;
    at = std::min(reached, blocks_);
  }
}

// Copies what is data in the blocks [first, last). `reached`: up to where nothing is left to copy, behind a hole.
int64_t Fill::copyChunk(int64_t first, int64_t last, int64_t* reached) {
  const int64_t end = std::min(last * kBlock, length_);
  for (int64_t at = first * kBlock; at < end;) {
    if (at < dataAt_ || at >= dataEnd_) {
      dataAt_ = dataFrom(from_, at, length_);
      if (dataAt_ < 0) return std::exchange(dataAt_, 0);
      dataEnd_ = dataAt_ < length_ ? dataUntil(from_, dataAt_, length_) : length_;
    }
    if (dataAt_ >= end) return *reached = std::max(last, dataAt_ / kBlock), 0;
    const int64_t until = std::min(end, dataEnd_);
    const int64_t copied = copyExtent(copy_, std::max(at, dataAt_), until);
    if (copied < 0) return copied;
    at = until;
  }
  // The disk begins to write while the rest is copied, or all of it would be left for the end.
  if (sync_) ::sync_file_range(to_, first * kBlock, end - first * kBlock, SYNC_FILE_RANGE_WRITE);
  return 0;
}

// Whoever overwrites the file from end to end is let do so.
void Fill::giveWay(Lock& lock) {
  while (!hurried_ && !cancelled_ && Clock::now() < quietAt_) go_.wait_until(lock, quietAt_);
}

// All is there: the times that it has had by those who wrote, and the disk.
int64_t Fill::settle() {
  const Shown own = shown();
  const struct timespec times[2] = {{0, UTIME_OMIT}, own.mtime};
  if (::futimens(to_, times) != 0) return -errno;
  return sync_ && ::fsync(to_) != 0 ? -errno : 0;
}

}  // namespace stratafs
