// The command without Node, for mounts in the background: Node takes longer to start than the rest of the command takes to
// run, and the background process is a Node of its own. So this program, which people and runtimes call, starts that
// process with their own arguments (src/cli/launched-main.ts), prints what it says, and asks the mount once it stands.
//
// It decides nothing. Only arguments that look like such a mount go this way; with all others, and where the background
// process says that they are not for it, this program becomes the command itself (dist/src/cli/stratafs.cjs).
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Where the command learns under which name it was called (src/cli/main.ts); scripts/stratafs tells it to this program.
#define NAME "STRATAFS_NAME"

enum { kChannel = 3, kAnswerSeconds = 20, kFailed = 1, kCannotRun = 127 };

struct call {
  const char* name;  // of the program, as it was called
  int count;         // of arguments
  char** arguments;  // ends with NULL
};

static char root[PATH_MAX];     // of the package
static char node[PATH_MAX];     // the program, or its name in PATH
static char command[PATH_MAX * 2];
static char background[PATH_MAX * 2];

// One line on standard error, as the command writes it (src/cli/complain.ts).
#define complain(...) (dprintf(STDERR_FILENO, "stratafs: " __VA_ARGS__))

// What follows `begin` in `text`; NULL where it begins otherwise.
static const char* after(const char* begin, const char* text) {
  size_t length = strlen(begin);
  return strncmp(begin, text, length) == 0 ? text + length : NULL;
}

// ---- Where everything is ----

// This file is native-bindings/build/Release/launch below the package's root.
static bool findRoot(void) {
  ssize_t length = readlink("/proc/self/exe", root, sizeof root - 1);
  if (length <= 0) return false;
  root[length] = '\0';
  for (int up = 0; up < 4; up++) {
    char* slash = strrchr(root, '/');
    if (slash == NULL) return false;
    *slash = '\0';
  }
  snprintf(command, sizeof command, "%s/dist/src/cli/stratafs.cjs", root);
  snprintf(background, sizeof background, "%s/dist/src/cli/launched-main.cjs", root);
  return true;
}

// The Node that the command's own first line names: an install writes a whole path there.
static void findNode(void) {
  char line[PATH_MAX] = "";
  FILE* file = fopen(command, "re");
  const char* named = NULL;
  if (file != NULL && fgets(line, sizeof line, file) != NULL) named = after("#!", line);
  if (file != NULL) fclose(file);
  line[strcspn(line, "\n")] = '\0';
  bool isPath = named != NULL && *named == '/' && after("/usr/bin/env ", named) == NULL;
  snprintf(node, sizeof node, "%s", isPath ? named : "node");
}

// ---- Becoming the command ----

static int becomeCommand(const struct call* call) {
  char** argv = calloc((size_t)call->count + 3, sizeof *argv);
  if (argv == NULL) return kFailed;
  argv[0] = node;
  argv[1] = command;
  memcpy(argv + 2, call->arguments, (size_t)call->count * sizeof *argv);
  setenv(NAME, call->name, 1);
  signal(SIGPIPE, SIG_DFL);
  execvp(node, argv);
  complain("Node cannot be started: %s\n", strerror(errno));
  return kCannotRun;
}

// ---- What looks like a mount in the background ----

// Options of `stratafs mount`, with a value in the same argument or the next, and those of the mount-program form. The background
// process reads them again, and rightly; nothing is lost by an argument that is not known here, but time.
static const char* const commandOptions[] = {"--lower", "--upper", "--work", "--log-file", "--transport", NULL};
static const char* const commandFlags[] = {"--accept-limits", NULL};
static const char* const programOptions[] = {"-t", "-N", NULL};
static const char* const programFlags[] = {"-s", "-n", "-r", "-w", "-i", "-v", NULL};

static bool isOneOf(const char* const* words, const char* argument, size_t length) {
  for (; *words != NULL; words++)
    if (strlen(*words) == length && strncmp(*words, argument, length) == 0) return true;
  return false;
}

static bool onlyKnown(char** arguments, const char* const* options, const char* const* flags) {
  for (; *arguments != NULL; arguments++) {
    const char* argument = *arguments;
    if (argument[0] != '-' || isOneOf(flags, argument, strlen(argument))) continue;
    bool isBare = strcmp(argument, "-o") == 0 || isOneOf(options, argument, strlen(argument));
    if (isBare && *++arguments == NULL) return false;
    bool isAttached = after("-o", argument) != NULL || isOneOf(options, argument, strcspn(argument, "="));
    if (!isBare && !isAttached) return false;
  }
  return true;
}

static bool looksLikeMount(const struct call* call) {
  const char* first = call->arguments[0];
  if (first == NULL) return false;
  bool isProgram = after("mount.", call->name) != NULL || after("fuse-overlayfs", call->name) != NULL;
  if (!isProgram && strcmp(first, "mount") == 0) return onlyKnown(call->arguments + 1, commandOptions, commandFlags);
  if (!isProgram && first[0] != '-' && strchr(first, '/') == NULL) return false;
  return onlyKnown(call->arguments, programOptions, programFlags);
}

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

// Whoever called may have left descriptors open over the exec: a pipe whose reader waits for its end, a lock. Node would mark
// them as not to be inherited further, and keep them.
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

// For V8 to compile and collect on, beside the engine (docs/decisions/0020-the-first-second.md): half of the processors, at most four.
static int helpers(void) {
  cpu_set_t set;
  int half = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) / 2 : 4;
  return half < 1 ? 1 : half > 4 ? 4 : half;
}

// The current directory stays the caller's until relative paths have been read. Returns only when there is no Node to start.
static void becomeBackground(const struct call* call, int channel) {
  setsid();
  bool isJournal = stderrIsJournal();
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fd != STDERR_FILENO || !isJournal) dup2(null, fd);
  dup2(channel, kChannel);
  closeFrom(kChannel + 1);
  // Node reads every certificate that this names before anything else, which takes longer than all the rest of its start.
  unsetenv("NODE_EXTRA_CA_CERTS");
  unsetenv(NAME);
  char threads[32];
  snprintf(threads, sizeof threads, "--v8-pool-size=%d", helpers());
  char** argv = calloc((size_t)call->count + 5, sizeof *argv);
  if (argv == NULL) return;
  char* const begin[] = {node, threads, background, (char*)call->name};
  memcpy(argv, begin, sizeof begin);
  memcpy(argv + 4, call->arguments, (size_t)call->count * sizeof *argv);
  execvp(node, argv);
}

// ---- Hearing it ----

struct named {
  int number;
  const char* name;
};

// Errors and signals as Node names them.
static const struct named errors[] = {
  {ENOTCONN, "ENOTCONN"}, {ECONNABORTED, "ECONNABORTED"}, {EIO, "EIO"}, {EACCES, "EACCES"}, {EPERM, "EPERM"},
  {ENOENT, "ENOENT"}, {ENODEV, "ENODEV"}, {ESTALE, "ESTALE"}, {ENOMEM, "ENOMEM"}, {0, "errno"},
};
static const struct named signals[] = {
  {SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},
  {SIGILL, "SIGILL"}, {SIGTRAP, "SIGTRAP"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}, {SIGQUIT, "SIGQUIT"}, {0, "signal"},
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

static int tellDeath(pid_t daemon) {
  int status = endOf(daemon);
  char how[32];
  const char* name = how;
  if (WIFSIGNALED(status)) name = nameOf(signals, WTERMSIG(status), how);
  else snprintf(how, sizeof how, "%d", WEXITSTATUS(status));
  complain("the background process died before it mounted (%s)\n", name);
  return kFailed;
}

// The errno with which the mount answers, 0 when all is well; -1 when it does not in time. A process of its own asks: nothing but
// killing it ends the wait for a mount whose engine hangs.
static int ask(const char* mountpoint) {
  int ended[2];
  if (pipe(ended) != 0) return errno;
  pid_t asker = fork();
  if (asker < 0) return errno;
  if (asker == 0) {
    struct statfs facts;
    _exit(statfs(mountpoint, &facts) == 0 ? 0 : errno);
  }
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

// The last word is the mount's own: as src/daemon/answers.ts and background.ts have it.
static int confirm(const char* mountpoint, pid_t daemon) {
  int answer = ask(mountpoint);
  if (answer == 0) return 0;
  kill(daemon, SIGTERM);
  char spare[32];
  if (answer < 0) complain("the mount did not answer within %d s", kAnswerSeconds);
  else complain("the mount does not answer (%s)", nameOf(errors, answer, spare));
  dprintf(STDERR_FILENO, ": the mount was taken away again\n");
  return kFailed;
}

// What the background process says, each word ended by a NUL: `say TEXT` as often as it likes; then `ready MOUNTPOINT`,
// `exit STATUS`, or `other`: these arguments are the command's.
static int hear(const struct call* call, int channel, pid_t daemon) {
  FILE* from = fdopen(channel, "r");
  char* message = NULL;
  size_t size = 0;
  while (from != NULL && getdelim(&message, &size, '\0', from) > 0) {
    const char* rest;
    if ((rest = after("say ", message)) != NULL) complain("%s\n", rest);
    else if ((rest = after("ready ", message)) != NULL) return confirm(rest, daemon);
    else if ((rest = after("exit ", message)) != NULL) return atoi(rest);
    else if (strcmp(message, "other") == 0) {
      endOf(daemon);
      fclose(from);
      return becomeCommand(call);
    }
  }
  return tellDeath(daemon);
}

static int launch(const struct call* call) {
  int channel[2];
  // Whoever called may have it ignored, and then nobody's end could be waited for.
  signal(SIGCHLD, SIG_DFL);
  if (pipe(channel) != 0) return becomeCommand(call);
  pid_t daemon = fork();
  if (daemon < 0) return becomeCommand(call);
  // Who reads our standard error may go; the mount is made all the same.
  if (daemon > 0) signal(SIGPIPE, SIG_IGN);
  if (daemon == 0) {
    becomeBackground(call, channel[1]);
    (void)!write(kChannel, "other", sizeof "other");
    _exit(kCannotRun);
  }
  close(channel[1]);
  return hear(call, channel[0], daemon);
}

int main(int argc, char** argv) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
  if (!findRoot()) {
    complain("/proc is needed, and not mounted here\n");
    return kFailed;
  }
  findNode();
  const char* called = getenv(NAME);
  if (called == NULL) called = argc > 0 ? argv[0] : "stratafs";
  const char* slash = strrchr(called, '/');
  struct call call = {slash == NULL ? called : slash + 1, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv};
  char here[PATH_MAX];
  // Of a directory that was removed the command speaks in its own words.
  bool isFast = looksLikeMount(&call) && getcwd(here, sizeof here) != NULL && access(background, R_OK) == 0;
  return isFast ? launch(&call) : becomeCommand(&call);
}
