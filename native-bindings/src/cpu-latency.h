// Keeps the machine's idle processors from halting while requests follow each other closely. A program sleeps until it
// is answered, its processor with nothing else to do halts, and waking that takes longer than most requests take to
// serve. An open /dev/cpu_dma_latency holds what latency its holder can bear, in microseconds: with 0 idle processors
// poll (Documentation/power/pm_qos_interface.rst). That goes for all of them, so it is held in busy times alone, and
// let go of some milliseconds after the last request.
#pragma once

#include <stdint.h>
#include <unistd.h>

#include <utility>

#include "spin.h"

namespace stratafs {

class Awake {
 public:
  Awake() {}
  ~Awake() { close(); }
  Awake(const Awake&) = delete;
  Awake& operator=(const Awake&) = delete;

  // From now on; takes over `fd`, the device opened for writing.
  void use(int fd) {
    close();
    fd_ = fd;
  }

  // A request came; `awaited`: it is asked right after the last answer, lately. True when that made it take hold. Where
  // each takes a disk's time to answer there is nothing to win.
  bool came(bool awaited) {
    if (fd_ < 0) return false;
    int64_t at = Spin::now();
    bool soon = awaited && at - std::exchange(last_, at) < kClose;
    if (held_ == soon) return turns_ = 0, false;
    if (++turns_ < kTurns) return false;
    ask(soon);
    return held_;
  }

  // How long to wait for a request before `rest` is to be called, in milliseconds; -1: for ever.
  int patience() const { return held_ ? kCalm : -1; }

  // Lets go: nothing comes any more, or the loop is about to do something else.
  void rest() {
    if (held_) ask(false);
  }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    held_ = false;
  }

 private:
  static constexpr int kTurns = 32;  // so many requests of the other kind in a row, before it changes
  static constexpr int kCalm = 5;
  static constexpr int64_t kClose = 1'000'000;    // nanoseconds from one request to the next
  static constexpr int32_t kAny = 2'000'000'000;  // PM_QOS_CPU_LATENCY_DEFAULT_VALUE: no wish

  void ask(bool hold) {
    int32_t latency = hold ? 0 : kAny;
    bool told = ::write(fd_, &latency, sizeof latency) == sizeof latency;
    held_ = told && hold;
    turns_ = 0;
    if (!told) close();
  }

  int fd_ = -1;
  bool held_ = false;
  int turns_ = 0;
  int64_t last_ = 0;
};

}  // namespace stratafs
