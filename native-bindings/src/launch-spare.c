// Who follows a process that serves: a spare, which has been started before and waits for its first message, so that a
// death costs no start of a program (docs/decisions/0044-a-spare-process.md). Where another version shall follow, its
// process is the spare: who serves goes only once that has come to its feet, and stays where it does not.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "launch-keep.h"
#include "launch.h"

// In ms: the first wait after a spare has died, the longest; how long one of another version may take.
enum { kLine = 3, kAfterSpare = 1000, kMostSpareWait = 60000, kLoading = 2500 };

// ---- The line ----

union control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kMostFds)];
};

int hear(int line, struct message* message, int fds[kMostFds]) {
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

void tell(int line, uint32_t what, uint32_t mount, const int* fds, int count) {
  union control control;
  struct message message = {what, mount};
  struct iovec data = {&message, sizeof message};
  struct msghdr head = {.msg_iov = &data, .msg_iovlen = 1};
  size_t size = (size_t)count * sizeof(int);
  if (size > 0) {
    memset(&control, 0, sizeof control);
    head.msg_control = &control;
    head.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr* given = CMSG_FIRSTHDR(&head);
    given->cmsg_level = SOL_SOCKET;
    given->cmsg_type = SCM_RIGHTS;
    given->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(given), fds, size);
  }
  ssize_t sent;
  do sent = sendmsg(line, &head, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
}

// ---- Starting it ----

int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int start(char** words) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGCHLD, SIG_DFL);
    if (pair[1] == kLine)
      fcntl(kLine, F_SETFD, 0);
    else
      dup2(pair[1], kLine);
    execvp(words[0], words);
    _exit(kCannotRun);
  }
  close(pair[1]);
  if (child < 0) {
    close(pair[0]);
    return -1;
  }
  return pair[0];
}

// ---- The spare ----

static char** command;  // of the process that follows
static char** before;   // of the version before it, which follows where that one never serves; NULL: there is none
static char** planned;  // of another version whose process has been started; NULL: there is none

static struct {
  int line;       // -1: there is none
  int64_t due;    // when one is to be started, or, with `planned`, is not waited for any more; 0: never
  int64_t again;  // how long to wait where it dies
} spare = {-1, 0, kAfterSpare};

// The words of a command, each ended by a NUL, are the content of the file `fd`. NULL: they are not.
static char** readCommand(int fd) {
  static char texts[3][8192];
  static char* all[3][64];
  int place = 0;
  while (all[place] == command || all[place] == before) place++;
  char* text = texts[place];
  char** words = all[place];
  ssize_t length = pread(fd, text, sizeof texts[0] - 1, 0);
  close(fd);
  if (length <= 0 || text[length - 1] != '\0') return NULL;
  int count = 0;
  for (char* at = text; at < text + length && count < 63; at += strlen(at) + 1) words[count++] = at;
  words[count] = NULL;
  return words;
}

void beginWith(char** given) { command = given; }

int spareLine(void) { return spare.line; }

int spareWait(void) {
  if (spare.due == 0) return -1;
  int64_t left = spare.due - now();
  return left < 0 ? 0 : (int)left;
}

void dropSpare(void) {
  planned = NULL;
  if (spare.line >= 0) close(spare.line);
  spare.line = -1;
  spare.due = 0;
}

void wantSpare(int64_t wait) {
  const char* given = getenv("STRATAFS_SPARE");
  bool isWanted = given == NULL || strcmp(given, "0") != 0;
  if (isWanted && spare.line < 0 && planned == NULL && !isEmpty()) spare.due = now() + wait;
}

void served(void) {
  before = NULL;
  spare.again = kAfterSpare;
  wantSpare(0);
}

void plan(int line, int fd) {
  dropSpare();
  planned = readCommand(fd);
  if (planned != NULL) spare.line = start(planned);
  if (spare.line >= 0) {
    spare.due = now() + kLoading;
    return;
  }
  planned = NULL;
  tell(line, kStay, 0, NULL, 0);
  wantSpare(0);
}

// The other version's process is there: who serves makes way.
static bool makeWay(int line) {
  spare.due = 0;
  if (planned == NULL) return false;
  before = command;
  command = planned;
  planned = NULL;
  tell(line, kMakeWay, 0, NULL, 0);
  return true;
}

bool hearSpare(int line) {
  struct message message;
  int fds[kMostFds];
  int count = hear(spare.line, &message, fds);
  for (int at = 0; at < count; at++) close(fds[at]);
  if (count >= 0) return message.what == kReady && makeWay(line);
  if (planned != NULL) tell(line, kStay, 0, NULL, 0);
  dropSpare();
  wantSpare(spare.again);
  spare.again = spare.again * 2 > kMostSpareWait ? kMostSpareWait : spare.again * 2;
  return false;
}

bool seeToSpare(int line) {
  if (planned != NULL) return makeWay(line);
  spare.due = 0;
  spare.line = start(command);
  if (spare.line < 0) wantSpare(kMostSpareWait);
  return false;
}

int follower(void) {
  if (planned != NULL) dropSpare();
  int line = spare.line >= 0 ? spare.line : start(command);
  spare.line = -1;
  spare.due = 0;
  return line;
}

void goBack(void) {
  if (before == NULL) return;
  dropSpare();
  command = before;
  before = NULL;
}
