// What the halves of the keeper share: launch-keep.c knows the mounts and hears who serves them, launch-spare.c starts
// who follows.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { kMostFds = 8 };

// What is said, in either direction (src/daemon/keeper/keeper.ts).
enum { kAdd = 'A', kRemove = 'R', kGoodbye = 'B', kPlanned = 'U', kEnd = 'E' };
enum { kReady = 'K', kServing = 'S', kMakeWay = 'G', kStay = 'X' };
struct message {
  uint32_t what;
  uint32_t mount;  // its number, not 0
};

// One message with its descriptors; their number, or -1 at the end of the line.
int hear(int line, struct message* message, int fds[kMostFds]);
void tell(int line, uint32_t what, uint32_t mount, const int* fds, int count);

// Milliseconds of a clock that nobody sets.
int64_t now(void);

// Whether there is no mount.
bool isEmpty(void);

// The command of whoever follows.
void beginWith(char** given);

// The spare's line, -1 where there is none; and for how many ms there is nothing to be done about it, -1: for ever.
int spareLine(void);
int spareWait(void);

// One is to be there in so many milliseconds.
void wantSpare(int64_t wait);
void dropSpare(void);

// The wait is over, or the spare has said something or died. True: who serves has been told to make way for it.
bool seeToSpare(int line);
bool hearSpare(int line);

// Another version is to follow, whose command is in the file `fd`: its process becomes the spare.
void plan(int line, int fd);

// It is served by now, so a version that it came from is not needed any more; or it died before that: back to it.
void served(void);
void goBack(void);

// The line of who follows, once whoever served has ended: the spare, or one that is started now. -1: none can be.
int follower(void);
