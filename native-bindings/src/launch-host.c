// A mount by a process that serves others already: one message over a unix socket in place of a process of its own
// (docs/decisions/0032-one-host-for-all-mounts.md). A host is asked only by callers that could have been it: the name
// of its socket is a hash of everything that makes a difference to a mount: user, groups, capabilities, namespaces,
// root directory, limits, environment and version. The host looks at its caller once more (src/daemon/host/).
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "launch.h"

// ---- The name ----

static uint64_t hash = UINT64_C(14695981039346656037);  // FNV-1a

static void mix(const char* bytes, size_t length) {
  for (size_t at = 0; at < length; at++) hash = (hash ^ (unsigned char)bytes[at]) * UINT64_C(1099511628211);
  hash = (hash ^ 0xff) * UINT64_C(1099511628211);
}

static void mixText(const char* text) { mix(text, strlen(text)); }

static bool mixLink(const char* path) {
  char target[PATH_MAX];
  ssize_t length = readlink(path, target, sizeof target);
  if (length < 0) return false;
  mix(target, (size_t)length);
  return true;
}

// What a process may do, as the kernel lists it.
static bool mixPowers(void) {
  static const char* const wanted[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:", NULL};
  FILE* file = fopen("/proc/self/status", "re");
  if (file == NULL) return false;
  char line[8192];
  while (fgets(line, sizeof line, file) != NULL)
    for (const char* const* word = wanted; *word != NULL; word++)
      if (after(*word, line) != NULL) mixText(line);
  fclose(file);
  return true;
}

static bool mixPlace(void) {
  struct stat top;
  if (stat("/", &top) != 0) return false;
  mix((const char*)&top.st_dev, sizeof top.st_dev);
  mix((const char*)&top.st_ino, sizeof top.st_ino);
  return mixLink("/proc/self/ns/user") && mixLink("/proc/self/ns/mnt") && mixLink("/proc/self/ns/pid");
}

static void mixLimits(void) {
  static const int wanted[] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_DATA, RLIMIT_NPROC};
  for (size_t at = 0; at < sizeof wanted / sizeof *wanted; at++) {
    struct rlimit limit = {0, 0};
    getrlimit((__rlimit_resource_t)wanted[at], &limit);
    // Node takes all that it may have when it starts, so who was started by one differs in nothing else.
    if (wanted[at] == RLIMIT_NOFILE) limit.rlim_cur = limit.rlim_max;
    mix((const char*)&limit, sizeof limit);
  }
}

extern char** environ;

// What a background process does not get (launch-daemon.c).
static bool isOurs(const char* variable) {
  return after(NAME "=", variable) != NULL || after("NODE_EXTRA_CA_CERTS=", variable) != NULL;
}

// What a mount's process reads from its environment. The order is the caller's, which is the same for the same program.
static void mixEnvironment(void) {
  static const char* const wanted[] = {"STRATAFS_", "XDG_", "HOME=", "PATH=", "NODE_", "TMPDIR=", "LANG=", "LC_", NULL};
  for (char** each = environ; *each != NULL; each++)
    for (const char* const* word = wanted; *word != NULL; word++)
      if (after(*word, *each) != NULL && !isOurs(*each)) mixText(*each);
}

// ---- The run directory, as src/daemon/mount/run-directory.ts has it, where it is there already ----

static bool isPrivate(const char* path) {
  struct stat it;
  return lstat(path, &it) == 0 && S_ISDIR(it.st_mode) && it.st_uid == geteuid() && (it.st_mode & 077) == 0;
}

static bool runDirectory(char path[PATH_MAX]) {
  const char* chosen = getenv("STRATAFS_RUN_DIR");
  if (chosen != NULL && *chosen != '\0') {
    snprintf(path, PATH_MAX, "%s", chosen);
    return *path == '/' && (isPrivate(path) || mkdir(path, 0700) == 0);
  }
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  snprintf(path, PATH_MAX, "/run/stratafs");
  if (geteuid() == 0 && (isPrivate(path) || mkdir(path, 0700) == 0)) return true;
  snprintf(path, PATH_MAX, "%s/stratafs", runtime == NULL ? "" : runtime);
  if (runtime != NULL && *runtime == '/' && (isPrivate(path) || mkdir(path, 0700) == 0)) return true;
  snprintf(path, PATH_MAX, "/tmp/stratafs-%u", (unsigned)geteuid());
  return isPrivate(path) || mkdir(path, 0700) == 0;
}

// Another version may be installed in the same place: a host goes on with the one that it began with, and new mounts
// get another host.
static void mixBuild(const char* package) {
  char path[PATH_MAX];
  struct stat it;
  mixText(package);
  int length = snprintf(path, sizeof path, "%s/dist/src/cli/launched-main.cjs", package);
  if (length < 0 || (size_t)length >= sizeof path || stat(path, &it) != 0) return;
  mix((const char*)&it.st_ino, sizeof it.st_ino);
  mix((const char*)&it.st_size, sizeof it.st_size);
  mix((const char*)&it.st_ctim, sizeof it.st_ctim);
}

// `STEM.sock` is where a host of this caller listens; false where there can be none.
static bool findStem(const char* package, char stem[PATH_MAX]) {
  char directory[PATH_MAX];
  mixBuild(package);
  mixLimits();
  mixEnvironment();
  if (!mixPowers() || !mixPlace() || !runDirectory(directory)) return false;
  int length = snprintf(stem, PATH_MAX, "%s/host.%016llx", directory, (unsigned long long)hash);
  return length > 0 && (size_t)length + sizeof ".sock" <= sizeof((struct sockaddr_un*)0)->sun_path;
}

// ---- Asking ----

static int connectTo(const char* stem) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%.100s.sock", stem);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// `KIND\0CWD\0NAME\0COUNT\0ARGUMENT\0…`: false where nobody takes it.
static bool sendCall(int fd, const char* kind, const struct call* call, const char* here) {
  FILE* to = fdopen(dup(fd), "w");
  if (to == NULL) return false;
  fprintf(to, "%s%c%s%c%s%c%d%c", kind, 0, here, 0, call->name, 0, call->count, 0);
  for (int at = 0; at < call->count; at++) fwrite(call->arguments[at], 1, strlen(call->arguments[at]) + 1, to);
  return fclose(to) == 0;
}

static bool says(const char* word, const char* value) { return value != NULL && strcmp(word, value) == 0; }

// `-o host=off` anywhere, or the same for all mounts in the environment.
static bool isUnwanted(const struct call* call) {
  if (says("off", getenv("STRATAFS_HOST"))) return true;
  for (int at = 0; at < call->count; at++) {
    const char* found = strstr(call->arguments[at], "host=off");
    if (found != NULL && (found == call->arguments[at] || strchr(",o", found[-1]) != NULL)) return true;
  }
  return false;
}

// Held while a host is looked for and started. A host that ends removes the file under its own lock, so that whoever
// waited for that has the wrong one.
static int lockBeside(const char* stem) {
  char path[PATH_MAX + 8];
  snprintf(path, sizeof path, "%s.lock", stem);
  for (;;) {
    struct stat held, there;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0 || fstat(fd, &held) != 0) return fd;
    if (stat(path, &there) == 0 && there.st_ino == held.st_ino && there.st_dev == held.st_dev) return fd;
    close(fd);
  }
}

void forgetHost(const struct host* host) {
  if (host->lock < 0 || access(host->socket, F_OK) == 0) return;
  char path[sizeof host->socket];
  snprintf(path, sizeof path, "%s", host->socket);
  memcpy(strrchr(path, '.'), ".lock", sizeof ".lock");
  unlink(path);
}

// A host that is there has the mount made. kNotMine: there is none, and `*start` says where one would listen; the lock
// that is held from then on keeps others from starting a second one.
int askHost(const struct call* call, const char* package, const char* here, struct host* start) {
  start->socket[0] = '\0';
  start->lock = -1;
  char stem[PATH_MAX];
  if (isUnwanted(call) || !findStem(package, stem)) return kNotMine;
  int fd = connectTo(stem);
  if (fd < 0) {
    start->lock = lockBeside(stem);
    if (start->lock < 0) return kNotMine;
    fd = connectTo(stem);
  }
  if (fd < 0) {
    snprintf(start->socket, sizeof start->socket, "%.100s.sock", stem);
    return kNotMine;
  }
  if (start->lock >= 0) close(start->lock);
  start->lock = -1;
  if (sendCall(fd, "mount", call, here)) return hearHost(fd);
  close(fd);
  return kNotMine;
}

int askHostToRun(const struct call* call, const char* package, const char* here) {
  char stem[PATH_MAX];
  if (isUnwanted(call) || !findStem(package, stem)) return kNotMine;
  int fd = connectTo(stem);
  if (fd < 0) return kNotMine;
  if (sendCall(fd, "run", call, here)) return hearHost(fd);
  close(fd);
  return kNotMine;
}
