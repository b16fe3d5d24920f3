// Whether it pays to look again for a moment before sleeping. Waking an idle processor takes longer than most requests
// take to serve, so while requests follow each other closely the loop stays awake between them. How often the next one
// came soon is kept as a running mean: of a connection at rest nothing is spun for, of one that was busy a single time.
// Where the thread finds itself pushed off its processor while it spins, others need it, the asking program perhaps:
// it then sleeps at once for a while, longer each time.
#pragma once

#include <stdint.h>
#include <time.h>

#include <algorithm>

namespace stratafs {

class Spin {
 public:
  // Repeats `ready` until it says true (then true) or it does not pay any more.
  template <class Ready>
  bool until(Ready ready) {
    int64_t begin = now();
    began_ = begin;
    if (!shouldSpin() || begin < heldUntil_) return false;
    for (int64_t last = begin; last - begin < kLimit;) {
      if (ready()) {
        note(true);
        backoff_ = kLeastBackoff;
        return true;
      }
      relax();
      int64_t at = now();
      if (at - last > kPushedOff) {
        heldUntil_ = at + backoff_;
        backoff_ = std::min(2 * backoff_, kMostBackoff);
        return false;
      }
      last = at;
    }
    return false;
  }

  // Whether requests follow each other closely, lately.
  bool shouldSpin() const { return soon_ >= kWorth; }

  // After a sleep that followed `until`: the request came.
  void awoke() { note(now() - began_ < kLimit + kWaking); }

  // Monotonic, in nanoseconds.
  static int64_t now() {
    struct timespec time;
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
  }

 private:
  // In nanoseconds.
  static constexpr int64_t kLimit = 60'000;
  static constexpr int64_t kWaking = 60'000;  // what waking takes, in the worst case that still counts as soon
  static constexpr int64_t kPushedOff = 25'000;
  static constexpr int64_t kLeastBackoff = 1'000'000;
  static constexpr int64_t kMostBackoff = 64'000'000;
  static constexpr float kWorth = 0.5f;
  static constexpr float kShare = 1.0f / 8;

  static void relax() {
    for (int i = 0; i < 8; i++) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#else
      __asm__ volatile("yield" ::: "memory");
#endif
    }
  }

  void note(bool came) { soon_ += ((came ? 1.0f : 0.0f) - soon_) * kShare; }

  int64_t began_ = 0;
  int64_t heldUntil_ = 0;
  int64_t backoff_ = kLeastBackoff;
  float soon_ = 0;
};

}  // namespace stratafs
