// The command without Node, for mounts in the background: Node takes longer to start than the rest of the command takes
// to run, and the background process is a Node of its own. So this program, which people and runtimes call, starts that
// process with their own arguments (src/cli/launched-main.ts), prints what it says, and asks the mount once it stands.
//
// It decides nothing. Only arguments that look like such a mount go this way; with all others, and where the background
// process says that they are not for it, this program becomes the command itself (dist/src/cli/stratafs.cjs).
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "launch.h"

static char root[PATH_MAX];  // of the package
static char node[PATH_MAX];  // the program, or its name in PATH
static char command[PATH_MAX * 2];
static char background[PATH_MAX * 2];

const char* after(const char* begin, const char* text) {
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

// Options of `stratafs mount`, with a value in the same argument or the next, and those of the mount-program form. The
// background process reads them again, and rightly; nothing is lost by an argument that is not known here, but time.
static const char* const commandOptions[] = {"--lower",    "--upper",     "--work", "--log",
                                             "--log-file", "--transport", NULL};
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

// Commands about a mount that is there, which its host may carry out (src/cli/snapshot/hosted-words.ts reads them).
static bool looksHosted(const struct call* call) {
  if (call->count < 3) return false;
  const char* verb = call->arguments[1];
  if (strcmp(call->arguments[0], "branch") == 0) return strcmp(verb, "create") == 0;
  return strcmp(call->arguments[0], "snapshot") == 0 && (strcmp(verb, "create") == 0 || strcmp(verb, "restore") == 0);
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], KEEP) == 0) return keep(argv + 2);
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
  if (looksHosted(&call) && getcwd(here, sizeof here) != NULL) {
    int told = askHostToRun(&call, root, here);
    return told == kNotMine ? becomeCommand(&call) : told;
  }
  bool isFast = looksLikeMount(&call) && getcwd(here, sizeof here) != NULL && access(background, R_OK) == 0;
  struct node started = {node, background};
  struct host host;
  int status = isFast ? askHost(&call, root, here, &host) : kNotMine;
  if (isFast && status == kNotMine) {
    status = launch(&call, &started, &host);
    forgetHost(&host);
  }
  return status == kNotMine ? becomeCommand(&call) : status;
}
