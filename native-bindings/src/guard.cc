// The guard: a process that shares this one's table of descriptors (CLONE_FILES) and does nothing as long as this one
// lives. What it keeps open for the next process costs a store in a table, where sending each descriptor to somebody
// costs two system calls (docs/decisions/0046-what-recovery-costs.md). When this process has died, the guard sends what
// is in the table: each descriptor into the socket that the keeper holds, with the nodeid it is kept for. Then it ends,
// and with it the table of descriptors, and the keeper hears of the death.
//
// It has no memory of this process: all but programs' files, its stack and the table are unmapped. It may call nothing
// that allocates or locks.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "bridge.h"

namespace stratafs {

namespace {

struct Entry {
  double nodeid;
  int32_t socket;
  std::atomic<int32_t> fd;  // written last; 0: the place is free
};
constexpr size_t kEntries = 1 << 20;
constexpr size_t kTableBytes = kEntries * sizeof(Entry);

Entry* table = nullptr;              // shared with the guard
std::atomic<uint32_t>* used = nullptr;  // places that were ever taken, in front of the table
pid_t guard = -1;
int host = -1;  // this process's pidfd, of which every guard uses the same
std::atomic<bool> isThere{false};
std::mutex mutex;
std::vector<uint32_t>* freed = nullptr;

// ---- In the guard ----

// Its calls go by syscall(2) alone, which is bound by then and uses nothing that has been unmapped.

char text[256 << 10];
struct Range {
  uintptr_t from, to;
} ranges[4096];

bool isWithin(const Range& range, const void* address) {
  uintptr_t at = reinterpret_cast<uintptr_t>(address);
  return range.from <= at && at < range.to;
}

uintptr_t readHex(const char** at) {
  uintptr_t value = 0;
  for (char c; c = **at, (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); (*at)++)
    value = value * 16 + static_cast<uintptr_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return value;
}

// Where in a line of /proc/self/maps the name is: behind five fields and blanks.
const char* nameIn(const char* line) {
  for (int field = 0; field < 5; field++) {
    while (*line != ' ' && *line != '\n') line++;
    while (*line == ' ') line++;
  }
  return line;
}

// The part of memory that a line tells of; whether it is to go: it has no file, and nothing of it is in use here.
bool goes(const char* line, Range* range) {
  const char* name = nameIn(line);
  range->from = readHex(&line);
  line++;
  range->to = readHex(&line);
  int here;
  if (isWithin(*range, &here) || isWithin(*range, &errno)) return false;
  if (isWithin(*range, text) || isWithin(*range, ranges) || isWithin(*range, &table) || isWithin(*range, table))
    return false;
  return *name != '/' && !(name[0] == '[' && name[1] == 'v');
}

// All of a file that says something of a process, as far as there is room; its length.
size_t readAll(const char* path) {
  size_t length = 0;
  long fd = ::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  for (long got; length < sizeof text && (got = ::syscall(SYS_read, fd, text + length, sizeof text - length)) > 0;)
    length += static_cast<size_t>(got);
  ::syscall(SYS_close, fd);
  return length;
}

// What ps shows: it is not the process whose words it has a copy of. Where they lie are the fields 48 and 49 of stat,
// of which the second one is the program's name in brackets.
void takeName() {
  constexpr char kName[] = "stratafs-guard";
  constexpr int kArguments = 48 - 2;
  ::syscall(SYS_prctl, PR_SET_NAME, kName, 0, 0, 0);
  size_t length = readAll("/proc/thread-self/stat"), at = length;
  while (at > 0 && text[at - 1] != ')') at--;
  uintptr_t fields[2] = {0, 0};
  for (int field = 0; at < length && field < kArguments + 2; at++) {
    if (text[at] == ' ')
      field++;
    else if (field >= kArguments && text[at] >= '0' && text[at] <= '9')
      fields[field - kArguments] = fields[field - kArguments] * 10 + static_cast<uintptr_t>(text[at] - '0');
  }
  char* words = reinterpret_cast<char*>(fields[0]);
  for (size_t i = 0; words != nullptr && i < fields[1] - fields[0]; i++)
    words[i] = i + 1 < sizeof kName && i + 1 < fields[1] - fields[0] ? kName[i] : '\0';
}

// Reads the whole list before anything goes: it would change under the reader.
void leaveMemory() {
  size_t length = readAll("/proc/thread-self/maps"), count = 0;
  for (size_t at = 0, end; at < length && count < sizeof ranges / sizeof ranges[0]; at = end + 1) {
    for (end = at; end < length && text[end] != '\n';) end++;
    if (end == length) break;
    if (goes(text + at, &ranges[count])) count++;
  }
  for (size_t i = 0; i < count; i++) ::syscall(SYS_munmap, ranges[i].from, ranges[i].to - ranges[i].from);
}

// One message as Parking in src/union/state/parking.ts sends it.
struct Message {
  double nodeid;
  struct iovec data;
  struct msghdr head;
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
} message;

void sendEntry(const Entry& entry, int fd) {
  message.nodeid = entry.nodeid;
  message.data.iov_base = &message.nodeid;
  message.data.iov_len = sizeof message.nodeid;
  message.head.msg_iov = &message.data;
  message.head.msg_iovlen = 1;
  message.head.msg_control = message.control;
  message.head.msg_controllen = sizeof message.control;
  struct cmsghdr* first = CMSG_FIRSTHDR(&message.head);
  first->cmsg_level = SOL_SOCKET;
  first->cmsg_type = SCM_RIGHTS;
  first->cmsg_len = CMSG_LEN(sizeof fd);
  *reinterpret_cast<int*>(CMSG_DATA(first)) = fd;
  while (::syscall(SYS_sendmsg, entry.socket, &message.head, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void beGuard() {
  static const uint64_t every = ~0ULL;
  ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, &every, nullptr, sizeof every);
  takeName();
  leaveMemory();
  struct pollfd heard = {host, POLLIN, 0};
  while (::syscall(SYS_ppoll, &heard, 1, nullptr, nullptr, 0) < 0 && errno == EINTR) {
  }
  uint32_t end = used->load();
  for (uint32_t at = 0; at < end; at++) {
    int fd = table[at].fd.load();
    if (fd > 0) sendEntry(table[at], fd);
  }
  for (;;) ::syscall(SYS_exit_group, 0);
}

// ---- In this process ----

bool makeTable() {
  if (table != nullptr) return true;
  void* made = ::mmap(nullptr, kTableBytes + 4096, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) return false;
  used = static_cast<std::atomic<uint32_t>*>(made);
  table = reinterpret_cast<Entry*>(static_cast<char*>(made) + 4096);
  freed = new std::vector<uint32_t>();
  return true;
}

// Whether there is one; a dead one is noticed here.
bool lives() {
  if (guard < 0) return false;
  int status;
  if (::waitpid(guard, &status, WNOHANG) == 0) return true;
  guard = -1;
  isThere = false;
  return false;
}

// Starts a guard where there is none: 0, or -errno.
int64_t startGuard(Call&) {
  std::lock_guard<std::mutex> lock(mutex);
  if (lives()) return 0;
  if (host < 0) host = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));  // closed on exec by itself
  if (host < 0) return -errno;
  if (!makeTable()) return -ENOMEM;
  pid_t child = static_cast<pid_t>(::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child == 0) beGuard();
  if (child < 0) return -errno;
  guard = child;
  isThere = true;
  return 0;
}

// From now on `fd`, which has to stay open until `unguard`, outlives this process: it is sent into `socket` then. The
// number of its place, or -1: there is no guard, or no room.
int64_t guardFd(Call&, int socket, double nodeid, int fd) {
  if (!isThere || fd <= 0) return -1;
  std::lock_guard<std::mutex> lock(mutex);
  uint32_t at = used->load();
  if (!freed->empty()) {
    at = freed->back();
    freed->pop_back();
  } else if (at < kEntries) {
    used->store(at + 1);
  } else {
    return -1;
  }
  table[at].nodeid = nodeid;
  table[at].socket = socket;
  table[at].fd.store(fd, std::memory_order_release);
  return at;
}

int64_t unguard(Call&, uint32_t place) {
  std::lock_guard<std::mutex> lock(mutex);
  if (table == nullptr || place >= used->load()) return -EINVAL;
  table[place].fd.store(0, std::memory_order_release);
  freed->push_back(place);
  return 0;
}

}  // namespace

void describeGuard(Table& table) {
  table.add<startGuard>("startGuard");
  table.add<guardFd>("guardFd");
  table.add<unguard>("unguard");
}

}  // namespace stratafs
