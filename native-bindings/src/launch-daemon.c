// The second half of the launcher: the background process, started and heard until its mount answers.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "launch.h"

enum { kChannel = 3, kAnswerSeconds = 20 };

// ---- Starting the background process ----

// systemd names the device and inode of the stream it gave us.
static bool stderrIsJournal(void) {
  const char* named = getenv("JOURNAL_STREAM");
  struct stat stream;
  if (named == NULL || fstat(STDERR_FILENO, &stream) != 0) return false;
  char ours[64];
  snprintf(ours, sizeof ours, "%llu:%llu", (unsigned long long)stream.st_dev, (unsigned long long)stream.st_ino);
  return strcmp(ours, named) == 0;
}

// The caller may have left descriptors open over the exec: a pipe whose reader waits for its end, a lock. Node
// would mark them as not to be inherited further, and keep them.
static void closeFrom(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0) return;
#endif
  DIR* list = opendir("/proc/self/fd");
  if (list == NULL) return;
  for (struct dirent* entry; (entry = readdir(list)) != NULL;) {
    int fd = atoi(entry->d_name);
    if (fd >= first && fd != dirfd(list)) close(fd);
  }
  closedir(list);
}

// For V8 to compile and collect on, beside the engine (docs/decisions/0020-the-first-second.md): half of the
// processors, at most four.
static int helpers(void) {
  cpu_set_t set;
  int half = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) / 2 : 4;
  return half < 1 ? 1 : half > 4 ? 4 : half;
}

// The current directory stays the caller's until relative paths have been read. Returns only when there is no Node to
// start.
static void becomeBackground(const struct call* call, const struct node* node, int channel, const char* socket) {
  setsid();
  bool isJournal = stderrIsJournal();
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fd != STDERR_FILENO || !isJournal) dup2(null, fd);
  dup2(channel, kChannel);
  closeFrom(kChannel + 1);
  // Node reads every certificate that this names before anything else, which takes longer than all the rest of its
  // start.
  unsetenv("NODE_EXTRA_CA_CERTS");
  unsetenv(NAME);
  if (*socket != '\0')
    setenv(SOCKET, socket, 1);
  else
    unsetenv(SOCKET);
  // Of a caller's channel to a child that is Node, nothing is left but these names.
  unsetenv("NODE_CHANNEL_FD");
  unsetenv("NODE_CHANNEL_SERIALIZATION_MODE");
  char threads[32];
  snprintf(threads, sizeof threads, "--v8-pool-size=%d", helpers());
  char** argv = calloc((size_t)call->count + 5, sizeof *argv);
  if (argv == NULL) return;
  char* const begin[] = {(char*)node->program, threads, (char*)node->background, (char*)call->name};
  memcpy(argv, begin, sizeof begin);
  memcpy(argv + 4, call->arguments, (size_t)call->count * sizeof *argv);
  execvp(node->program, argv);
}

// ---- Hearing it ----

struct named {
  int number;
  const char* name;
};

// Errors and signals as Node names them.
static const struct named errors[] = {
    {ENOTCONN, "ENOTCONN"}, {ECONNABORTED, "ECONNABORTED"},
    {EIO, "EIO"},           {EACCES, "EACCES"},
    {EPERM, "EPERM"},       {ENOENT, "ENOENT"},
    {ENODEV, "ENODEV"},     {ESTALE, "ESTALE"},
    {ENOMEM, "ENOMEM"},     {0, "errno"},
};
static const struct named signals[] = {
    {SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"},
    {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"}, {SIGINT, "SIGINT"},
    {SIGHUP, "SIGHUP"},   {SIGQUIT, "SIGQUIT"}, {0, "signal"},
};

// The name of `number`, which stays in `spare` where it is not in the list.
static const char* nameOf(const struct named* list, int number, char spare[32]) {
  for (; list->number != 0; list++)
    if (list->number == number) return list->name;
  snprintf(spare, 32, "%s %d", list->name, number);
  return spare;
}

static int endOf(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return 0;
  return status;
}

// It ended without a last word. One that said nothing and was not killed is a Node that did not come as far as our
// code: the command, a Node as well, says why.
static int endedEarly(pid_t daemon, bool heard) {
  int status = endOf(daemon);
  if (!heard && WIFEXITED(status)) return kNotMine;
  char how[32];
  const char* name = how;
  if (WIFSIGNALED(status))
    name = nameOf(signals, WTERMSIG(status), how);
  else
    snprintf(how, sizeof how, "%d", WEXITSTATUS(status));
  complain("the background process died before it mounted (%s)\n", name);
  return kFailed;
}

// A host that was on its way out took nothing: the mount gets a process of its own.
static int hostEnded(bool heard) {
  if (!heard) return kNotMine;
  complain("the host process ended before it had answered: run the same command once more\n");
  return kFailed;
}

static int askNow(void* mountpoint) {
  struct statfs facts;
  _exit(statfs(mountpoint, &facts) == 0 ? 0 : errno);
}

// The errno with which the mount answers, 0 when all is well; -1 when it does not in time. A process of its own asks:
// nothing but killing it ends the wait for a mount whose engine hangs. It shares our memory, which takes less time than
// a copy. Its descriptors are its own, so that its end of the pipe is closed when it ends.
static int ask(const char* mountpoint) {
  static _Alignas(16) char stack[32768];
  int ended[2];
  // What we lack ourselves says nothing against the mount.
  if (pipe(ended) != 0) return 0;
  pid_t asker = clone(askNow, stack + sizeof stack, CLONE_VM | SIGCHLD, (void*)mountpoint);
  if (asker < 0) return 0;
  close(ended[1]);
  struct pollfd end = {ended[0], 0, 0};
  int ready;
  do ready = poll(&end, 1, kAnswerSeconds * 1000);
  while (ready < 0 && errno == EINTR);
  close(ended[0]);
  if (ready <= 0) kill(asker, SIGKILL);
  int status = ready > 0 ? endOf(asker) : SIGKILL;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The last word is the mount's own: as src/daemon/mount/liveness.ts and background.ts have it. `daemon`: the process
// that was started; 0 where a host serves it, which takes it away again when the line to it ends with `undo`.
static int confirm(const char* mountpoint, pid_t daemon, int channel) {
  int answer = ask(mountpoint);
  if (answer == 0) return 0;
  if (daemon > 0)
    kill(daemon, SIGTERM);
  else
    (void)!write(channel, "undo", sizeof "undo");
  char spare[32];
  if (answer < 0)
    complain("the mount did not answer within %d s", kAnswerSeconds);
  else
    complain("the mount does not answer (%s)", nameOf(errors, answer, spare));
  dprintf(STDERR_FILENO, ": the mount was taken away again\n");
  return kFailed;
}

// ---- What a host prints for us, as src/cli/terminal/output.ts does ----

// 0, or the errno with which the rest of it could not be written.
static int writeAll(int fd, const char* text) {
  for (size_t left = strlen(text); left > 0;) {
    ssize_t count = write(fd, text, left);
    if (count < 0 && errno == EAGAIN) {
      struct pollfd ready = {fd, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (count < 0 && errno != EINTR) {
      return errno;
    } else if (count > 0) {
      text += count;
      left -= (size_t)count;
    }
  }
  return 0;
}

// 0, or kFailed: a full disk must not look like success.
static int printOut(const char* text) {
  int error = writeAll(STDOUT_FILENO, text);
  if (error == 0) return 0;
  char words[128];
  snprintf(words, sizeof words, "%s", error == EIO ? "i/o error" : strerror(error));
  words[0] = (char)tolower((unsigned char)words[0]);
  if (error != EPIPE) complain("standard output cannot be written: %s\n", words);
  return kFailed;
}

// What the background process says, each word ended by a NUL: `say TEXT`, `out TEXT`, `err TEXT` and `wait` as often as
// it likes; then `ready MOUNTPOINT`, `exit STATUS`, or `other`: these arguments are the command's.
static int hear(int channel, pid_t daemon) {
  FILE* from = fdopen(channel, "r");
  char* message = NULL;
  size_t size = 0;
  bool heard = false;
  int lost = 0;
  while (from != NULL && getdelim(&message, &size, '\0', from) > 0) {
    const char* rest;
    if ((rest = after("say ", message)) != NULL)
      complain("%s\n", rest);
    else if ((rest = after("ready ", message)) != NULL)
      return confirm(rest, daemon, channel);
    else if ((rest = after("exit ", message)) != NULL)
      return atoi(rest) == 0 ? lost : atoi(rest);
    else if ((rest = after("out ", message)) != NULL)
      lost |= lost == 0 ? printOut(rest) : 0;
    else if ((rest = after("err ", message)) != NULL)
      lost |= writeAll(STDERR_FILENO, rest) == 0 ? 0 : kFailed;
    else if (strcmp(message, "other") == 0) {
      if (daemon > 0) endOf(daemon);
      fclose(from);
      return kNotMine;
    }
    heard = true;
  }
  if (from != NULL) fclose(from);
  return daemon > 0 ? endedEarly(daemon, heard) : hostEnded(heard);
}

int hearHost(int fd) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  return hear(fd, 0);
}

int launch(const struct call* call, const struct node* node, const struct host* host) {
  int channel[2];
  // The caller may have it ignored; then waitpid() could not tell how a child ended.
  signal(SIGCHLD, SIG_DFL);
  if (pipe(channel) != 0) return kNotMine;
  pid_t daemon = fork();
  if (daemon < 0) return kNotMine;
  // Who reads our standard error may go; the mount is made all the same.
  if (daemon > 0) signal(SIGPIPE, SIG_IGN);
  if (daemon == 0) {
    becomeBackground(call, node, channel[1], host->socket);
    (void)!write(kChannel, "other", sizeof "other");
    _exit(kCannotRun);
  }
  close(channel[1]);
  return hear(channel[0], daemon);
}
