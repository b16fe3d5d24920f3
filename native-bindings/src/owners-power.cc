// The namespace is made once and kept as a descriptor. Each call is a process of its own that lives for its length: it
// shares memory and descriptors with the thread that waits for it (as vfork(2)), because only a process with one thread
// may enter a user namespace.
#include "owners-power.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <mutex>

namespace stratafs {

namespace {

constexpr size_t kStack = 65536;

struct Task {
  long (*act)(void*);
  void* argument;
  long answer;
  int error;
};

bool mayAlready() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  return data[0].effective >> CAP_DAC_OVERRIDE & 1;
}

int run(void* pointer) {
  Task& task = *static_cast<Task*>(pointer);
  task.answer = task.act(task.argument);
  task.error = errno;
  return 0;
}

// A process that shares memory and descriptors with this thread, which waits for it; false where there can be none.
bool inChild(Task& task, int flags) {
  std::unique_ptr<char[]> stack(new char[kStack]);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int child = ::clone(run, stack.get() + kStack, CLONE_VM | CLONE_VFORK | CLONE_FILES | flags, &task);
  int error = errno;
  int status;
  while (child > 0 && ::waitpid(child, &status, __WALL) < 0 && errno == EINTR) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child <= 0) task.error = error;
  return child > 0;
}

bool put(const char* path, const char* text) {
  int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = ::write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
  ::close(fd);
  return done;
}

struct Ids {
  unsigned uid;
  unsigned gid;
};

// In the new namespace: maps the one user and the one group, and answers a descriptor of it.
long settle(void* pointer) {
  const Ids& ids = *static_cast<Ids*>(pointer);
  char text[64];
  snprintf(text, sizeof text, "%u %u 1", ids.uid, ids.uid);
  if (!put("/proc/self/uid_map", text) || !put("/proc/self/setgroups", "deny")) return -1;
  snprintf(text, sizeof text, "%u %u 1", ids.gid, ids.gid);
  if (!put("/proc/self/gid_map", text)) return -1;
  return ::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
}

// A descriptor of the namespace, or -1.
int makeNamespace() {
  if (mayAlready()) return -1;
  Ids ids{::geteuid(), ::getegid()};
  Task task{settle, &ids, -1, 0};
  return inChild(task, CLONE_NEWUSER) ? static_cast<int>(task.answer) : -1;
}

int ownersNamespace() {
  static std::once_flag once;
  static int fd = -1;
  std::call_once(once, [] { fd = makeNamespace(); });
  return fd;
}

struct Entering {
  int space;
  // Entering takes this mark from the memory that is shared, and with it /proc/PID from its user.
  int dumpable;
  Task* task;
};

long enterAndAct(void* pointer) {
  Entering& entering = *static_cast<Entering*>(pointer);
  int entered = ::setns(entering.space, CLONE_NEWUSER);
  prctl(PR_SET_DUMPABLE, entering.dumpable);
  if (entered != 0) return errno = EACCES, -1;
  return entering.task->act(entering.task->argument);
}

}  // namespace

long withOwnersPower(long (*act)(void*), void* argument) {
  Task inner{act, argument, -1, EACCES};
  Entering entering{ownersNamespace(), prctl(PR_GET_DUMPABLE), &inner};
  if (entering.space < 0) return errno = EACCES, -1;
  Task task{enterAndAct, &entering, -1, EACCES};
  if (!inChild(task, 0)) task.error = EACCES;
  errno = task.error;
  return task.answer;
}

}  // namespace stratafs
