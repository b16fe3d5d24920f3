// A file that is written to while it is being copied: what a large copy-up is, once somebody writes. `to` holds the
// blocks that are *present*, because they were copied or written; all others are read from `from`. A thread of its own
// copies what is absent, in its order.
//
// Everything but `run` is called by one thread, the engine's. So readers never meet a writer. The copier changes what a
// block holds only while the block is absent, and a writer waits for the chunk that the copier has in hand.
//
// The copier's writes move the file's times. The true ones are kept here, and set when the file is whole.
#pragma once

#include <stdint.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "copy.h"

namespace stratafs {

class Fill {
 public:
  static constexpr int64_t kBlock = 4096;

  // What another process needs to go on, at the beginning of a file of its own: it lasts as long as the machine runs.
  // What is stored of it there is as it was when its process died. The map of what is present follows at `kBitsAt`;
  // between them is room for whoever keeps the file.
  struct Kept {
    uint64_t magic;  // written last
    int64_t length;  // bytes of `from` that count
    int64_t blocks;  // from this block on nothing comes from `from`
    int64_t sourceBlocks;
    struct timespec mtime, ctime;
  };
  static constexpr int64_t kBitsAt = 16384;

  // Takes both descriptors over. `to` has the size of what is to be copied. `keep`: Kept, and what follows it, mapped,
  // taken over too; null: nobody goes on.
  Fill(int from, int to, int64_t size, bool sync, int wakeFd, Kept* keep);
  // Maps the file `fd` for a Fill of `size` bytes; `resumed`: another process has. null: there is nothing to be had.
  static Kept* keep(int fd, int64_t size, bool resumed);
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  // Begins to copy, or goes on after an error; false: there is no thread to be had.
  bool start();
  // 0: whole, and on disk where so wished; -EINPROGRESS; or why it stopped.
  int64_t state();
  // As `state`; what has stopped goes on: there may be room by now.
  int64_t stateAgain();
  // Somebody waits: nobody is given way to any more.
  void hurry();
  // Waits for the copier; as `state`.
  int64_t wait();
  // What is still to be copied is not wanted any more.
  void cancel();

  int64_t read(uint8_t* into, size_t length, int64_t offset);
  int64_t write(const uint8_t* from, size_t length, int64_t offset);
  int64_t truncate(int64_t size);
  // fallocate(2), of the modes that FUSE passes on: they move nothing.
  int64_t allocate(int mode, int64_t offset, int64_t length);
  // SEEK_DATA and SEEK_HOLE.
  int64_t seek(int64_t offset, int whence);

  // The file's times have been changed by somebody else than the copier; `mtime` null: only the one of change.
  void touch(const struct timespec* mtime);
  struct Shown {
    struct timespec mtime, ctime;
    int64_t sourceBlocks;  // of 512 bytes: what the whole file will occupy, about
    int64_t copied;        // bytes, by the copier
  };
  Shown shown();

 private:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;

  void run();
  int64_t copyAbsent();
  int64_t copyChunk(int64_t first, int64_t last, int64_t* reached);
  int64_t settle();
  void giveWay(Lock& lock);
  void noteStreak(int64_t offset, size_t length, bool gained);

  bool isPresent(int64_t block) const;
  int64_t runEnd(int64_t block, bool present, int64_t most) const;
  int64_t nextAbsent(int64_t block) const;
  bool mark(int64_t first, int64_t last);
  void waitFree(Lock& lock, int64_t first, int64_t last);
  int64_t fillEdge(int64_t at);
  int64_t partWritten(int64_t offset, int64_t put, int64_t error);

  const int from_;
  const int to_;
  const bool sync_;
  const int wakeFd_;

  std::mutex guard_;
  std::condition_variable idle_;  // the copier has no chunk in hand
  std::condition_variable go_;    // the copier need not give way
  Kept own_{};
  std::vector<uint64_t> ownBits_;
  Kept* const kept_;
  size_t mapped_ = 0;  // bytes from `kept_` on; 0: it is `own_`
  uint64_t* present_;
  int64_t& length_;
  int64_t& blocks_;
  int64_t busyFirst_ = 0, busyLast_ = 0;
  int64_t state_ = -EINPROGRESS;
  bool cancelled_ = false;
  bool hurried_ = false;
  // Whoever writes one piece after the other over what is absent is given way to: it need not be copied.
  int64_t streak_ = 0, streakEnd_ = -1;
  Clock::time_point quietAt_;
  struct timespec& mtime_;
  struct timespec& ctime_;

  Copy copy_;
  int64_t copied_ = 0;
  int64_t dataAt_ = 0, dataEnd_ = 0;  // the extent of `from` that the copier is in
  std::thread thread_;
};

// The fill that `fd` stands for; null nearly always, and then as cheap as a load.
Fill* fillOf(int fd);

}  // namespace stratafs
