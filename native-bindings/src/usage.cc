// The calls by which the engine keeps count of its upper (see usage.h). The count is of what st_blocks says: what du
// says of the upper, each inode once.
#include "usage.h"

#include <unistd.h>

#include <memory>

#include "place.h"

namespace stratafs {

namespace {

constexpr double kLease = 64 << 20;
constexpr double kInodeLease = 4096;
constexpr size_t kLeast = 64;
constexpr int64_t kBoundAt = 24;  // in the file: see src/union/limit/usage-file.ts

thread_local std::vector<std::unique_ptr<Usage>> usages;

}  // namespace

size_t InodeTable::placeOf(uint64_t inode) const {
  size_t mask = slots_.size() - 1;
  size_t at = (inode * 0x9E3779B97F4A7C15ULL >> 20) & mask;
  while (slots_[at].inode != 0 && slots_[at].inode != inode) at = (at + 1) & mask;
  return at;
}

void InodeTable::grow(size_t capacity) {
  std::vector<Slot> old(capacity, Slot{0, 0});
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.inode != 0) slots_[placeOf(slot.inode)] = slot;
}

void InodeTable::reserve(size_t count) {
  size_t capacity = kLeast;
  while (capacity < count * 2) capacity *= 2;
  if (capacity > slots_.size()) grow(capacity);
}

int64_t InodeTable::put(uint64_t inode, uint64_t sectors) {
  if ((size_ + 1) * 2 > slots_.size()) grow(slots_.empty() ? kLeast : slots_.size() * 2);
  Slot& slot = slots_[placeOf(inode)];
  int64_t before = slot.inode == 0 ? -1 : static_cast<int64_t>(slot.sectors);
  if (before < 0) size_++;
  slot = {inode, sectors};
  return before;
}

const InodeTable::Slot* InodeTable::find(uint64_t inode) const {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[placeOf(inode)];
  return slot.inode == 0 ? nullptr : &slot;
}

// Those behind it close up, so that no slot has to be marked as left.
int64_t InodeTable::take(uint64_t inode) {
  const Slot* found = find(inode);
  if (found == nullptr) return -1;
  int64_t before = static_cast<int64_t>(found->sectors);
  size_t mask = slots_.size() - 1, at = static_cast<size_t>(found - slots_.data());
  slots_[at].inode = 0;
  size_--;
  for (size_t next = (at + 1) & mask; slots_[next].inode != 0; next = (next + 1) & mask) {
    Slot moved = slots_[next];
    slots_[next].inode = 0;
    slots_[placeOf(moved.inode)] = moved;
  }
  return before;
}

bool Usage::take(double more, double moreInodes) {
  if (limit > 0 && more > 0 && bytes() + more > limit) return false;
  if (inodeLimit > 0 && moreInodes > 0 && inodes() + moreInodes > inodeLimit) return false;
  promised += more;
  if (bytes() > bound || inodes() + moreInodes > inodeBound) tellBound();
  return true;
}

// Not synced: it is for a kill of this process, which leaves what the kernel has.
void Usage::tellBound() {
  bound = bytes() + kLease;
  inodeBound = inodes() + kInodeLease;
  double told[2] = {bound, inodeBound};
  if (file >= 0 && ::pwrite(file, told, sizeof told, kBoundAt) < 0) return;
}

void Usage::set(uint64_t inode, uint64_t now) {
  int64_t old = table.put(inode, now);
  sectors += static_cast<double>(now) - static_cast<double>(old < 0 ? 0 : old);
  if (counts) touched.insert(inode);
}

void Usage::drop(uint64_t inode) {
  int64_t old = table.take(inode);
  if (old > 0) sectors -= static_cast<double>(old);
  if (counts) touched.insert(inode);
}

void Usage::noteFile(int fd) {
  struct stat st;
  if (::fstat(fd, &st) == 0) set(st.st_ino, static_cast<uint64_t>(st.st_blocks));
}

Usage* usageOf(int id) {
  return id >= 0 && static_cast<size_t>(id) < usages.size() ? usages[static_cast<size_t>(id)].get() : nullptr;
}

namespace {

uint64_t inodeOf(double low, double high) { return static_cast<uint64_t>(high) << 32 | static_cast<uint64_t>(low); }

int64_t usageOpen(Call&, int file) {
  auto made = std::make_unique<Usage>();
  made->file = file;
  usages.push_back(std::move(made));
  return static_cast<int64_t>(usages.size()) - 1;
}

int64_t usageClose(Call&, int id) {
  if (usageOf(id) != nullptr) usages[static_cast<size_t>(id)].reset();
  return 0;
}

int64_t usageLimit(Call&, int id, double bytes, double inodes) {
  Usage* usage = usageOf(id);
  if (usage == nullptr) return -EBADF;
  usage->limit = bytes;
  usage->inodeLimit = inodes;
  return 0;
}

int64_t usageTake(Call&, int id, double bytes, double inodes) {
  Usage* usage = usageOf(id);
  return usage != nullptr && usage->take(bytes, inodes) ? 1 : 0;
}

int64_t usageSet(Call&, int id, double inoLow, double inoHigh, double sectors) {
  if (Usage* usage = usageOf(id)) usage->set(inodeOf(inoLow, inoHigh), static_cast<uint64_t>(sectors));
  return 0;
}

int64_t usageDrop(Call&, int id, double inoLow, double inoHigh) {
  if (Usage* usage = usageOf(id)) usage->drop(inodeOf(inoLow, inoHigh));
  return 0;
}

// A place is as it is now; the number of its names, or -errno.
int64_t usageNote(Call&, int id, int fd, const Text& name) {
  struct stat st;
  Usage* usage = usageOf(id);
  if (usage == nullptr) return -EBADF;
  if (::fstatat(fd, name.c(), &st, AT_SYMLINK_NOFOLLOW | emptyPath(name)) != 0) return -errno;
  if (isCounted(st) && st.st_nlink > 0) usage->set(st.st_ino, static_cast<uint64_t>(st.st_blocks));
  return static_cast<int64_t>(st.st_nlink);
}

// What is no longer anywhere: the inode of the descriptor has no names, and this was the last to hold it.
int64_t usageFreed(Call&, int id, int fd) {
  struct stat st;
  Usage* usage = usageOf(id);
  if (usage == nullptr || ::fstat(fd, &st) != 0) return 0;
  if (st.st_nlink == 0)
    usage->drop(st.st_ino);
  else
    usage->set(st.st_ino, static_cast<uint64_t>(st.st_blocks));
  return 0;
}

// All promises have been held against what is there.
int64_t usageSettled(Call&, int id) {
  if (Usage* usage = usageOf(id)) usage->promised = 0;
  return 0;
}

// Bytes, inodes, whether they are counted (0: those of before are a guess), entries.
int64_t usageTotals(Call&, int id, Doubles into) {
  Usage* usage = usageOf(id);
  if (usage == nullptr || into.length < 3) return -EBADF;
  into.data[0] = usage->bytes();
  into.data[1] = usage->inodes();
  into.data[2] = static_cast<double>(usage->table.size());
  return 0;
}

// Every inode as three numbers: low and high half of its number, sectors.
int64_t usageEntries(Call&, int id, Doubles into) {
  Usage* usage = usageOf(id);
  if (usage == nullptr || into.length < usage->table.size() * 3) return -EBADF;
  double* at = into.data;
  usage->table.each([&](const InodeTable::Slot& slot) {
    *at++ = static_cast<double>(slot.inode & 0xffffffff);
    *at++ = static_cast<double>(slot.inode >> 32);
    *at++ = static_cast<double>(slot.sectors);
  });
  return static_cast<int64_t>(usage->table.size());
}

int64_t usageLoad(Call&, int id, Doubles from) {
  Usage* usage = usageOf(id);
  if (usage == nullptr) return -EBADF;
  usage->table.reserve(from.length / 3);
  for (size_t at = 0; at + 2 < from.length; at += 3)
    usage->set(inodeOf(from.data[at], from.data[at + 1]), static_cast<uint64_t>(from.data[at + 2]));
  return 0;
}

// What was there before this mount, as far as is known (Infinity: nothing is).
int64_t usageGuess(Call&, int id, double bytes, double inodes) {
  Usage* usage = usageOf(id);
  if (usage == nullptr) return -EBADF;
  usage->before = bytes;
  usage->inodesBefore = inodes;
  return 0;
}

int64_t usageFits(Call&, int id, int fd, int64_t offset, int64_t length) {
  Usage* usage = usageOf(id);
  if (usage == nullptr) return -EBADF;
  return usage->limit > 0 ? fittingLength(fd, offset, length, usage->limit - usage->bytes()) : length;
}

}  // namespace

void describeUsage(Table& table) {
  table.add<usageOpen>("usageOpen");
  table.add<usageClose>("usageClose");
  table.add<usageLimit>("usageLimit");
  table.add<usageTake>("usageTake");
  table.add<usageSet>("usageSet");
  table.add<usageDrop>("usageDrop");
  table.add<usageNote>("usageNote");
  table.add<usageFreed>("usageFreed");
  table.add<usageSettled>("usageSettled");
  table.add<usageTotals>("usageTotals");
  table.add<usageEntries>("usageEntries");
  table.add<usageLoad>("usageLoad");
  table.add<usageGuess>("usageGuess");
  table.add<usageFits>("usageFits");
}

}  // namespace stratafs
