// What the two halves of the launcher share: launch.c decides and becomes the command, launch-daemon.c starts the
// background process and hears it.
#pragma once

#include <stdio.h>
#include <unistd.h>

// Where the command learns under which name it was called (src/cli/main.ts); scripts/stratafs tells it to this program.
#define NAME "STRATAFS_NAME"

// Where the background process learns that it may become the host of further mounts.
#define SOCKET "STRATAFS_HOST_SOCKET"

enum { kFailed = 1, kCannotRun = 127 };

struct call {
  const char* name;  // of the program, as it was called
  int count;         // of arguments
  char** arguments;  // ends with NULL
};

// The program that Node is, or its name in PATH, and the script that it runs in the background.
struct node {
  const char* program;
  const char* background;
};

// One line on standard error, as the command writes it (src/cli/terminal/errors.ts).
#define complain(...) (dprintf(STDERR_FILENO, "stratafs: " __VA_ARGS__))

// What follows `begin` in `text`; NULL where it begins otherwise.
const char* after(const char* begin, const char* text);

// Has the background process made the mount, and asks that. The status to end with, or kNotMine: the call is the
// command's.
enum { kNotMine = -1 };
struct host;
int launch(const struct call* call, const struct node* node, const struct host* host);

// Where a background process that is started now listens for further mounts; empty: nowhere. `lock` is held until it
// does.
struct host {
  char socket[108];
  int lock;
};

// Has a host make the mount, and asks that. The status to end with, or kNotMine: there is none that would.
int askHost(const struct call* call, const char* package, const char* here, struct host* start);

// Has a host that is there carry out a command, and says what that says. The status to end with, or kNotMine.
int askHostToRun(const struct call* call, const char* package, const char* here);

// After `launch`: takes the lock away where no host came to be.
void forgetHost(const struct host* host);

// The first argument of a keeper: `--keep PROGRAM ARGUMENT…`.
#define KEEP "--keep"

// Keeps what mounts need to be served on, over descriptor 3, and runs `command` when whoever serves them has died.
int keep(char** given);

// The rest of `askHost`, once the call has been sent over `fd`.
int hearHost(int fd);
