// One datagram to a unix socket, which Node cannot send: sd_notify(3) wants nothing more. A path that begins with `@`
// is an abstract address, as in NOTIFY_SOCKET.
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "place.h"

namespace stratafs {

namespace {

int64_t notify(Call&, const Text& path, const Text& text) {
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.length() > sizeof address.sun_path) return path.empty() ? -EINVAL : -ENAMETOOLONG;
  memcpy(address.sun_path, path.c(), path.length());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  Held socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.bad()) return -errno;
  socklen_t length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + path.length());
  const struct sockaddr* to = reinterpret_cast<const struct sockaddr*>(&address);
  return result(::sendto(socket.fd(), text.c(), text.length(), MSG_NOSIGNAL, to, length));
}

}  // namespace

void describeNotify(Table& table) { table.add<notify>("notify"); }

}  // namespace stratafs
