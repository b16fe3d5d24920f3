// Threads for tasks that nobody waits for: begun when there is something to do, gone when there was nothing for a
// second.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

namespace stratafs {

// Never to be destroyed while it has threads: they are detached.
class ThreadPool {
 public:
  using Task = std::function<void()>;

  // At most `threads` at once, with at most `waiting` tasks before them. `idle` is called by a thread that had
  // nothing to do for a second; true: it is to stay.
  ThreadPool(int threads, size_t waiting, std::function<bool()> idle)
      : most_(threads), room_(waiting), idle_(std::move(idle)) {}

  // False where too much is waiting, or no thread can be had.
  bool add(Task task) {
    std::lock_guard<std::mutex> lock(guard_);
    if (queue_.size() >= room_) return false;
    if (resting_ <= queue_.size() && threads_ < most_ && !addThread()) return false;
    queue_.push_back(std::move(task));
    wanted_.notify_one();
    return true;
  }

  // Forgets what nobody has begun, and waits for the rest.
  void stop() {
    std::unique_lock<std::mutex> lock(guard_);
    queue_.clear();
    while (running_ > 0) done_.wait(lock);
  }

 private:
  bool addThread() {
    try {
      std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
      return threads_ > 0;
    }
    threads_++;
    return true;
  }

  void work() {
    std::unique_lock<std::mutex> lock(guard_);
    for (;;) {
      while (!queue_.empty()) runOne(lock);
      resting_++;
      bool woken = wanted_.wait_for(lock, std::chrono::seconds(1), [this] { return !queue_.empty(); });
      resting_--;
      if (!woken && !stays(lock) && queue_.empty()) break;
    }
    threads_--;
  }

  bool stays(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    bool stay = idle_();
    lock.lock();
    return stay;
  }

  // What the task holds is let go of before it counts as done.
  void runOne(std::unique_lock<std::mutex>& lock) {
    Task task = std::move(queue_.front());
    queue_.pop_front();
    running_++;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    running_--;
    done_.notify_all();
  }

  const int most_;
  const size_t room_;
  const std::function<bool()> idle_;
  std::mutex guard_;
  std::condition_variable wanted_;
  std::condition_variable done_;
  std::deque<Task> queue_;
  int threads_ = 0;
  int running_ = 0;
  size_t resting_ = 0;
};

}  // namespace stratafs
