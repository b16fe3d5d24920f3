// Waiting for several descriptors at once: the devices of the mounts that one engine thread serves, and its eventfd.
// Level-triggered, so nothing is lost when somebody else reads first. Also who is on the other side of a unix socket.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

#include "place.h"

namespace stratafs {

namespace {

int64_t epollCreate(Call&) { return result(::epoll_create1(EPOLL_CLOEXEC)); }

// `key` comes back from epollWait: not negative.
int64_t epollAdd(Call&, int epoll, int fd, uint32_t key) {
  struct epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u32 = key;
  return result(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

int64_t epollRemove(Call&, int epoll, int fd) { return result(::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr)); }

// The key of one that is ready; -ETIMEDOUT where none was within so many milliseconds (-1: for ever).
int64_t epollWait(Call&, int epoll, int milliseconds) {
  struct epoll_event event;
  int ready;
  do ready = ::epoll_wait(epoll, &event, 1, milliseconds);
  while (ready < 0 && errno == EINTR);
  if (ready < 0) return -errno;
  return ready == 0 ? -ETIMEDOUT : static_cast<int64_t>(event.data.u32);
}

// Whether the eventfd `fd` had been signalled: 1 or 0; resets it.
int64_t drainEvent(Call&, int fd) {
  uint64_t count;
  return ::read(fd, &count, sizeof count) == sizeof count ? 1 : 0;
}

// SO_PEERPIDFD of Linux 6.5; the header that comes with Debian 12 lacks it.
constexpr int kPeerPidfd = 77;

// The process that connected `fd`: its pid, if it still runs, with the user and group it had then; -errno.
napi_value peerOf(Call& call, int fd) {
  struct ucred peer = {};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return failed(call, errno);
  char text[64];
  int written = snprintf(text, sizeof text, "%d %u %u", peer.pid, peer.uid, peer.gid);
  return toString(call.env, text, static_cast<size_t>(written));
}

// A pidfd of the process that connected `fd`, or -errno (ENOPROTOOPT before Linux 6.5).
int64_t peerPidfd(Call&, int fd) {
  int pidfd = -1;
  socklen_t length = sizeof pidfd;
  return ::getsockopt(fd, SOL_SOCKET, kPeerPidfd, &pidfd, &length) != 0 ? -errno : pidfd;
}

// 1 while the process of a pidfd runs.
int64_t isRunning(Call&, int pidfd) {
  struct pollfd it = {pidfd, POLLIN, 0};
  return ::poll(&it, 1, 0) == 0 ? 1 : 0;
}

}  // namespace

void describeEpoll(Table& table) {
  table.add<epollCreate>("epollCreate");
  table.add<epollAdd>("epollAdd");
  table.add<epollRemove>("epollRemove");
  table.add<epollWait>("epollWait");
  table.add<drainEvent>("drainEvent");
  table.add<peerOf>("peerOf");
  table.add<peerPidfd>("peerPidfd");
  table.add<isRunning>("isRunning");
}

}  // namespace stratafs
