// What is done to a file while it is being copied (see fill.h), but for the copying.
#include "fill.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "io.h"

namespace stratafs {

namespace {

// Writers in a row are given way to from so many bytes on, for so long after each.
constexpr int64_t kStreak = 256 << 10;
constexpr auto kGrace = std::chrono::milliseconds(20);

struct timespec now() {
  struct timespec time;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return time;
}

int64_t ceilBlock(int64_t at) { return at / Fill::kBlock + (at % Fill::kBlock != 0); }

// Where the blocks up to `block` end, in bytes, `end` at most.
int64_t blockEnd(int64_t block, int64_t end) { return block >= ceilBlock(end) ? end : block * Fill::kBlock; }

}  // namespace

bool Fill::isPresent(int64_t block) const {
  return block >= blocks_ || (present_[block >> 6] >> (block & 63) & 1) != 0;
}

// The first block behind `block` that is not as it is, `most` at most.
int64_t Fill::runEnd(int64_t block, bool present, int64_t most) const {
  const int64_t end = std::min(most, blocks_);
  while (block < end && isPresent(block) == present) {
    const uint64_t word = present_[block >> 6];
    const bool whole = (block & 63) == 0 && block + 64 <= end && word == (present ? ~uint64_t{0} : 0);
    block += whole ? 64 : 1;
  }
  return present && block >= blocks_ ? most : std::min(block, most);
}

// Notes [first, last) as present; whether any was not.
bool Fill::mark(int64_t first, int64_t last) {
  bool gained = false;
  for (int64_t block = first, end = std::min(last, blocks_); block < end; block++) {
    if (isPresent(block)) continue;
    present_[block >> 6] |= uint64_t{1} << (block & 63);
    gained = true;
  }
  return gained;
}

void Fill::waitFree(Lock& lock, int64_t first, int64_t last) {
  while (busyFirst_ < last && busyLast_ > first) idle_.wait(lock);
}

// The block that `at` lies within comes from `from`, as its other half will be written or cut off.
int64_t Fill::fillEdge(int64_t at) {
  const int64_t block = at / kBlock;
  if (at % kBlock == 0 || isPresent(block)) return 0;
  uint8_t bytes[kBlock];
  const size_t want = static_cast<size_t>(std::min(kBlock, length_ - block * kBlock));
  const int64_t got = preadAll(from_, bytes, want, block * kBlock);
  if (got < 0) return got;
  const int64_t put = pwriteAll(to_, bytes, static_cast<size_t>(got), block * kBlock);
  if (put < got) return put < 0 ? put : -ENOSPC;
  mark(block, block + 1);
  return 0;
}

int64_t Fill::read(uint8_t* into, size_t length, int64_t offset) {
  struct stat st;
  if (::fstat(to_, &st) != 0) return -errno;
  const int64_t end = std::min<int64_t>(offset + static_cast<int64_t>(length), st.st_size);
  for (int64_t at = offset; at < end;) {
    Lock lock(guard_);
    const bool present = isPresent(at / kBlock);
    const int64_t until = blockEnd(runEnd(at / kBlock, present, ceilBlock(end)), end);
    const int64_t theirs = present ? until : std::min(until, length_);
    lock.unlock();
    uint8_t* const place = into + (at - offset);
    const int64_t got = at < theirs ? preadAll(present ? to_ : from_, place, static_cast<size_t>(theirs - at), at) : 0;
    if (got < 0) return at > offset ? at - offset : got;
    memset(place + got, 0, static_cast<size_t>(until - at - got));
    at = until;
  }
  return std::max<int64_t>(end - offset, 0);
}

// After an error a block that was written in part and is absent counts as not written: the copier will overwrite it.
int64_t Fill::partWritten(int64_t offset, int64_t put, int64_t error) {
  const int64_t end = offset + std::max<int64_t>(put, 0);
  if (put <= 0 || end % kBlock == 0 || isPresent(end / kBlock)) return put > 0 ? put : error;
  // Where the source has a hole, the copier would leave what was written.
  ::fallocate(to_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end / kBlock * kBlock, kBlock);
  const int64_t kept = end / kBlock * kBlock - offset;
  return kept > 0 ? kept : error;
}

int64_t Fill::write(const uint8_t* bytes, size_t length, int64_t offset) {
  const int64_t failed = stateAgain();
  if (failed < 0 && failed != -EINPROGRESS) return failed;
  const int64_t end = offset + static_cast<int64_t>(length);
  Lock lock(guard_);
  waitFree(lock, offset / kBlock, ceilBlock(end));
  int64_t error = fillEdge(offset);
  if (error == 0) error = fillEdge(end);
  if (error < 0) return error;
  int64_t put = pwriteAll(to_, bytes, length, offset);
  if (put < static_cast<int64_t>(length)) put = partWritten(offset, put, put < 0 ? put : -ENOSPC);
  if (put < 0) return put;
  // The edges are present; of the rest every block is written whole.
  const bool all = put == static_cast<int64_t>(length);
  const bool gained = mark(ceilBlock(offset), all ? ceilBlock(end) : (offset + put) / kBlock);
  noteStreak(offset, static_cast<size_t>(put), gained);
  mtime_ = ctime_ = now();
  return put;
}

void Fill::noteStreak(int64_t offset, size_t length, bool gained) {
  const int64_t size = static_cast<int64_t>(length);
  streak_ = (offset == streakEnd_ ? streak_ : 0) + size;
  streakEnd_ = offset + size;
  if (gained && streak_ >= kStreak) quietAt_ = Clock::now() + kGrace;
}

int64_t Fill::truncate(int64_t size) {
  if (size < 0) return -EINVAL;
  Lock lock(guard_);
  waitFree(lock, 0, INT64_MAX);
  int64_t error = size < length_ ? fillEdge(size) : 0;
  if (error < 0) return error;
  if (::ftruncate(to_, size) != 0) return -errno;
  length_ = std::min(length_, size);
  blocks_ = std::min(blocks_, ceilBlock(length_));
  mtime_ = ctime_ = now();
  return 0;
}

int64_t Fill::allocate(int mode, int64_t offset, int64_t length) {
  const bool clears = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) return -EOPNOTSUPP;
  if (offset < 0 || length <= 0 || offset > INT64_MAX - length - kBlock) return -EINVAL;
  const int64_t end = offset + length;
  Lock lock(guard_);
  waitFree(lock, 0, INT64_MAX);
  int64_t error = clears ? fillEdge(offset) : 0;
  if (error == 0 && clears) error = fillEdge(end);
  if (error < 0) return error;
  if (::fallocate(to_, mode, offset, length) != 0) return -errno;
  if (clears) mark(ceilBlock(offset), ceilBlock(end));
  mtime_ = ctime_ = now();
  return 0;
}

int64_t Fill::seek(int64_t offset, int whence) {
  struct stat st;
  if (::fstat(to_, &st) != 0) return -errno;
  if (offset < 0 || offset >= st.st_size) return -ENXIO;
  Lock lock(guard_);
  for (int64_t at = offset; at < st.st_size;) {
    const bool present = isPresent(at / kBlock);
    const int64_t until = blockEnd(runEnd(at / kBlock, present, ceilBlock(st.st_size)), st.st_size);
    int64_t found = ::lseek(present ? to_ : from_, at, whence);
    if (found < 0 && errno != ENXIO) return -errno;
    if (found < 0) found = whence == SEEK_DATA ? until : at;
    if (found < until) return found;
    at = until;
  }
  return whence == SEEK_DATA ? -ENXIO : st.st_size;
}

void Fill::touch(const struct timespec* mtime) {
  Lock lock(guard_);
  ctime_ = now();
  if (mtime != nullptr) mtime_ = mtime->tv_nsec == UTIME_NOW ? ctime_ : *mtime;
}

Fill::Shown Fill::shown() {
  Lock lock(guard_);
  return {mtime_, ctime_, kept_->sourceBlocks, copied_};
}

}  // namespace stratafs
