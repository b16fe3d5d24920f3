// The keeper: a process so small that it does not die. It holds what the mounts of one serving process need to be
// served on: each one's device, state and locks. The process tells it over a socket which there are; it ends by saying
// goodbye, or it has died: then another process of the same program gets everything. A mount lives as long as somebody
// holds its device, and whoever uses it waits (docs/decisions/0035-a-mount-outlives-its-daemon.md).
//
// That other process, the spare, has been started before and waits for its first message, so that a death costs no
// start of a program (docs/decisions/0044-a-spare-process.md). Where another version shall follow, its process is the
// spare: who serves goes only when that has come to its feet.
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

#include "launch-keep.h"
#include "launch.h"

enum { kLine = 3, kMostMounts = 8192, kMinute = 60000, kUsualDeaths = 5, kMostRemembered = 64 };

// In ms: how long after a mount its spare is started, and after a death where nobody says that he serves; the least
// wait after one that has never served.
enum { kAfterMount = 300, kAfterDeath = 3000, kAfterNothing = 20 };

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

bool isEmpty(void) {
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

// ---- Starting it again ----

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

static void handOver(int line) {
  for (int at = 0; at < used; at++)
    if (mounts[at].mount != 0) tell(line, kAdd, mounts[at].mount, mounts[at].fds, mounts[at].count);
  tell(line, kEnd, 0, NULL, 0);
}

static int giveUp(const char* why) {
  int lost = 0;
  for (int at = 0; at < used; at++) lost += mounts[at].mount != 0;
  complain("%s: %d mounts are not served any more\n", why, lost);
  int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (log >= 0) dprintf(log, "<3>stratafs: %s: %d mounts are not served any more\n", why, lost);
  return kFailed;
}

// ---- Whoever serves ----

enum end { kListening, kDied, kLeft, kReplaced };

// What it says.
static enum end hearServing(int line, bool* hasServed) {
  struct message message;
  int fds[kMostFds];
  int count = hear(line, &message, fds);
  if (count < 0) return kDied;
  if (message.what == kAdd && count > 0) {
    add(message.mount, fds, count);
    wantSpare(kAfterMount);
  }
  if (message.what == kRemove) {
    drop(find(message.mount));
    if (isEmpty()) dropSpare();
  }
  if (message.what == kPlanned && count == 1) plan(line, fds[0]);
  if (message.what == kServing) {
    *hasServed = true;
    served();
  }
  return message.what == kGoodbye ? kLeft : kListening;
}

// Until whoever serves has ended: how. `hasServed`: it has said that it does.
static enum end listenTo(int line, bool* hasServed) {
  enum end end = kDied;
  for (;;) {
    struct pollfd heard[2] = {{line, POLLIN, 0}, {spareLine(), POLLIN, 0}};
    int count = poll(heard, 2, spareWait());
    if (count < 0 && errno != EINTR) return end;
    if (count < 0) continue;
    if (count == 0 && seeToSpare(line)) end = kReplaced;
    if (heard[1].revents != 0 && hearSpare(line)) end = kReplaced;
    if (heard[0].revents == 0) continue;
    enum end said = hearServing(line, hasServed);
    if (said == kDied) return end;
    if (said == kLeft) end = kLeft;
  }
}

int keep(char** given) {
  beginWith(given);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  prctl(PR_SET_NAME, "stratafs-keep", 0, 0, 0);
  (void)!chdir("/");
  bool hasServed = true;
  for (int line = kLine;;) {
    fcntl(line, F_SETFD, FD_CLOEXEC);
    enum end end = listenTo(line, &hasServed);
    close(line);
    if (end == kLeft || isEmpty()) return 0;
    int wait = end == kReplaced ? 0 : borne();
    if (wait < 0) return giveUp("the serving process has died too often");
    if (end == kDied && !hasServed) {
      goBack();
      if (wait < kAfterNothing) wait = kAfterNothing;
    }
    if (wait > 0) poll(NULL, 0, wait);
    line = follower();
    if (line < 0) return giveUp("no serving process can be started");
    handOver(line);
    hasServed = false;
    wantSpare(kAfterDeath);
  }
}
