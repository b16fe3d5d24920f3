// The keeper: a process so small that it does not die. It holds what the mounts of one serving process need to be
// served on: each one's device, state and locks. The process tells it over a socket which there are; it ends by saying
// goodbye, or it has died: then the keeper runs the same program again and hands everything over. A mount lives as long
// as somebody holds its device, and whoever uses it waits (docs/decisions/0035-a-mount-outlives-its-daemon.md).
//
// It decides nothing else, and allocates nothing: the table is static, of which only used pages take memory.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "launch.h"

enum { kLine = 3, kMostFds = 8, kMostMounts = 8192, kMinute = 60, kUsualDeaths = 5, kMostRemembered = 64 };

// What is said, in either direction (src/daemon/keeper/keeper.ts).
enum { kAdd = 'A', kRemove = 'R', kGoodbye = 'B', kPlanned = 'U', kEnd = 'E' };
struct message {
  uint32_t what;
  uint32_t mount;  // its number, not 0
};

struct kept {
  uint32_t mount;  // 0: free
  int count;
  int fds[kMostFds];
};

static struct kept mounts[kMostMounts];
static int used;  // places that have ever been taken

// ---- The table ----

static struct kept* find(uint32_t mount) {
  for (int at = 0; at < used; at++)
    if (mounts[at].mount == mount) return &mounts[at];
  return NULL;
}

static bool isEmpty(void) {
  for (int at = 0; at < used; at++)
    if (mounts[at].mount != 0) return false;
  return true;
}

static void drop(struct kept* it) {
  if (it == NULL) return;
  for (int at = 0; at < it->count; at++) close(it->fds[at]);
  it->mount = 0;
  it->count = 0;
}

static void add(uint32_t mount, const int* fds, int count) {
  drop(find(mount));
  struct kept* place = find(0);
  if (place == NULL && used < kMostMounts) place = &mounts[used++];
  if (place == NULL) {
    for (int at = 0; at < count; at++) close(fds[at]);
    return;
  }
  place->mount = mount;
  place->count = count;
  memcpy(place->fds, fds, (size_t)count * sizeof *fds);
}

// ---- The line ----

union control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kMostFds)];
};

// One message with its descriptors; their number, or -1 at the end of the line.
static int hear(int line, struct message* message, int fds[kMostFds]) {
  union control control;
  struct iovec data = {message, sizeof *message};
  struct msghdr head = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got;
  do got = recvmsg(line, &head, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  while (got < 0 && errno == EINTR);
  if (got != sizeof *message) return -1;
  struct cmsghdr* given = CMSG_FIRSTHDR(&head);
  if (given == NULL || given->cmsg_type != SCM_RIGHTS) return 0;
  size_t size = given->cmsg_len - CMSG_LEN(0);
  memcpy(fds, CMSG_DATA(given), size);
  return (int)(size / sizeof(int));
}

static void tell(int line, uint32_t what, const struct kept* it) {
  union control control;
  struct message message = {what, it == NULL ? 0 : it->mount};
  struct iovec data = {&message, sizeof message};
  struct msghdr head = {.msg_iov = &data, .msg_iovlen = 1};
  size_t size = it == NULL ? 0 : (size_t)it->count * sizeof(int);
  if (size > 0) {
    memset(&control, 0, sizeof control);
    head.msg_control = &control;
    head.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr* given = CMSG_FIRSTHDR(&head);
    given->cmsg_level = SOL_SOCKET;
    given->cmsg_type = SCM_RIGHTS;
    given->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(given), it->fds, size);
  }
  ssize_t sent;
  do sent = sendmsg(line, &head, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
}

// Another version follows: the words of its command, each ended by a NUL, are the file's content.
static bool readCommand(int fd, char** command[]) {
  static char text[8192];
  static char* words[64];
  ssize_t length = pread(fd, text, sizeof text - 1, 0);
  close(fd);
  if (length <= 0 || text[length - 1] != '\0') return false;
  int count = 0;
  for (char* at = text; at < text + length && count < 63; at += strlen(at) + 1) words[count++] = at;
  words[count] = NULL;
  *command = words;
  return true;
}

// Until whoever serves has ended: how.
enum end { kDied, kLeft, kReplaced };
static enum end listenTo(int line, char** command[]) {
  enum end end = kDied;
  struct message message;
  int fds[kMostFds];
  for (int count; (count = hear(line, &message, fds)) >= 0;) {
    if (message.what == kAdd && count > 0) add(message.mount, fds, count);
    if (message.what == kRemove) drop(find(message.mount));
    if (message.what == kGoodbye) end = kLeft;
    if (message.what == kPlanned && count == 1 && readCommand(fds[0], command)) end = kReplaced;
  }
  return end;
}

// ---- Starting it again ----

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

// How many deaths in a minute are borne; 0: any number (STRATAFS_DEATHS, for tests that kill).
static int mostDeaths(void) {
  const char* given = getenv("STRATAFS_DEATHS");
  int most = given == NULL || *given == '\0' ? kUsualDeaths : atoi(given);
  return most > kMostRemembered ? kMostRemembered : most;
}

// Notes a death: how long to wait before the next start in milliseconds, or -1: it is given up.
static int borne(void) {
  static int64_t deaths[kMostRemembered];
  static int count;
  int most = mostDeaths(), recent = 0;
  if (most <= 0) return 0;
  int64_t time = now();
  for (int at = 0; at < count; at++)
    if (time - deaths[at] < kMinute) deaths[recent++] = deaths[at];
  deaths[recent++] = time;
  count = recent;
  if (recent > most || recent >= kMostRemembered) return -1;
  return recent < 2 ? 0 : 50 << (recent - 2 < 4 ? recent - 2 : 4);
}

static int start(char** command) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGCHLD, SIG_DFL);
    if (pair[1] == kLine)
      fcntl(kLine, F_SETFD, 0);
    else
      dup2(pair[1], kLine);
    execvp(command[0], command);
    _exit(kCannotRun);
  }
  close(pair[1]);
  if (child < 0) {
    close(pair[0]);
    return -1;
  }
  for (int at = 0; at < used; at++)
    if (mounts[at].mount != 0) tell(pair[0], kAdd, &mounts[at]);
  tell(pair[0], kEnd, NULL);
  return pair[0];
}

static int giveUp(const char* why) {
  int lost = 0;
  for (int at = 0; at < used; at++) lost += mounts[at].mount != 0;
  complain("%s: %d mounts are not served any more\n", why, lost);
  int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (log >= 0) dprintf(log, "<3>stratafs: %s: %d mounts are not served any more\n", why, lost);
  return kFailed;
}

int keep(char** command) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  prctl(PR_SET_NAME, "stratafs-keep", 0, 0, 0);
  (void)!chdir("/");
  for (int line = kLine;;) {
    fcntl(line, F_SETFD, FD_CLOEXEC);
    enum end end = listenTo(line, &command);
    close(line);
    if (end == kLeft || isEmpty()) return 0;
    int wait = end == kReplaced ? 0 : borne();
    if (wait < 0) return giveUp("the serving process has died too often");
    if (wait > 0) poll(NULL, 0, wait);
    line = start(command);
    if (line < 0) return giveUp("no serving process can be started");
  }
}
