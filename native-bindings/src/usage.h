// What the inodes of an upper take up, one mount's: a table of inode numbers and their blocks, and what was promised
// to requests since the table was last true. One thread uses it, but for the walk that counts what was there before.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <unordered_set>
#include <vector>

namespace stratafs {

// Inode number to sectors of 512 bytes: open addressing, because an upper may have a million inodes.
class InodeTable {
 public:
  struct Slot {
    uint64_t inode;  // 0: free
    uint64_t sectors;
  };
  // The sectors it had, or -1.
  int64_t put(uint64_t inode, uint64_t sectors);
  int64_t take(uint64_t inode);
  const Slot* find(uint64_t inode) const;
  void reserve(size_t count);
  size_t size() const { return size_; }
  template <class F>
  void each(F visit) const {
    for (const Slot& slot : slots_)
      if (slot.inode != 0) visit(slot);
  }

 private:
  size_t placeOf(uint64_t inode) const;
  void grow(size_t capacity);
  std::vector<Slot> slots_;
  size_t size_ = 0;
};

struct Usage {
  static constexpr uint64_t kSector = 512;
  InodeTable table;
  double sectors = 0;   // of the table
  double promised = 0;  // bytes that may have been taken since the table was true
  double before = 0;    // bytes that are there and not in the table: a guess, until they are counted
  double inodesBefore = 0;
  double limit = 0;  // bytes; 0: none
  double inodeLimit = 0;
  // A file in the workdir says how much there is at most, for whoever comes after a kill.
  int file = -1;
  double bound = 0;
  double inodeBound = 0;
  bool counts = false;                       // a walk is under way: what changes is written down
  std::unordered_set<uint64_t> touched = {};  // since it began

  double bytes() const { return before + sectors * kSector + promised; }
  double inodes() const { return inodesBefore + static_cast<double>(table.size()); }
  // Promises `bytes` and `inodes` where they do not exceed the limit.
  bool take(double bytes, double inodes);
  void set(uint64_t inode, uint64_t sectors);
  void drop(uint64_t inode);
  // The file open as `fd` is as it is now.
  void noteFile(int fd);

 private:
  void tellBound();
};

// A device 0:0 hides a name; all of them may be one inode, and none takes a block.
inline bool isCounted(const struct stat& st) { return !S_ISCHR(st.st_mode) || st.st_rdev != 0; }

// The usage called `id`, of this thread; null: there is none.
Usage* usageOf(int id);

// The bytes of [offset, offset + length) that can be written without taking more than `room`: at most `length`.
int64_t fittingLength(int fd, int64_t offset, int64_t length, double room);

}  // namespace stratafs
