// Mounting without privileges: fusermount3 opens /dev/fuse, mounts, and sends the descriptor over a socket whose number
// it finds in _FUSE_COMMFD. It then exits, unless it was asked for auto_unmount: then it stays, and unmounts when the
// socket closes, so ours is left open for the life of this process.
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <string>

#include "place.h"

namespace stratafs {

namespace {

constexpr int kChildSocket = 3;

// Whether `option` is one of the comma-separated `options`.
bool asksFor(const std::string& options, const std::string& option) {
  return ("," + options + ",").find("," + option + ",") != std::string::npos;
}

// This process's environment with _FUSE_COMMFD; `texts` keeps what is new.
std::vector<char*> childEnvironment(std::string& commfd) {
  std::vector<char*> list;
  for (char** at = environ; *at != nullptr; at++)
    if (strncmp(*at, "_FUSE_COMMFD=", 13) != 0) list.push_back(*at);
  list.push_back(commfd.data());
  list.push_back(nullptr);
  return list;
}

// Node ignores SIGPIPE and may block signals on its threads: the child gets the usual state.
void usualSignals(posix_spawnattr_t* attributes) {
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &defaults);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

// 0 or a positive errno. The order of the dup2s matters: the pipe may itself be number 3.
int spawn(const std::vector<char*>& argv, int socket, int errors, pid_t* pid) {
  std::string commfd = "_FUSE_COMMFD=" + std::to_string(kChildSocket);
  std::vector<char*> environment = childEnvironment(commfd);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, kChildSocket);
  usualSignals(&attributes);
  int error = posix_spawnp(pid, argv[0], &actions, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// The descriptor sent over `socket`; -1 when the other side closed it without sending one.
int receiveDescriptor(int socket) {
  char byte;
  struct iovec data = {&byte, 1};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  struct cmsghdr* head = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

std::string readToEnd(int fd) {
  std::string text;
  char part[1024];
  for (;;) {
    ssize_t got = ::read(fd, part, sizeof part);
    if (got > 0)
      text.append(part, static_cast<size_t>(got));
    else if (got == 0 || errno != EINTR)
      break;
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

int waitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return 0;
  return status;
}

std::string whyItFailed(const Text& program, int errors, pid_t pid) {
  std::string text = readToEnd(errors);
  int status = waitFor(pid);
  if (!text.empty()) return text;
  std::string how = WIFSIGNALED(status) ? "was ended by signal " + std::to_string(WTERMSIG(status))
                                        : "exited with status " + std::to_string(WEXITSTATUS(status));
  return std::string(program.c()) + " " + how + " and handed over no descriptor";
}

std::vector<char*> childArguments(const Text& program, const Text& options, const Text& target) {
  auto text = [](const char* value) { return const_cast<char*>(value); };
  std::vector<char*> argv = {text(program.c())};
  if (!options.empty()) argv.insert(argv.end(), {text("-o"), text(options.c())});
  argv.insert(argv.end(), {text("--"), text(target.c()), nullptr});
  return argv;
}

napi_value fusermount(Call& call, const Text& program, const Text& options, const Text& target) {
  int pair[2], channel[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return failed(call, errno);
  Held ours(pair[0]);
  Held theirs(pair[1]);
  if (::pipe2(channel, O_CLOEXEC) != 0) return failed(call, errno);
  Held errors(channel[0]);
  Held errorsIn(channel[1]);
  pid_t pid;
  int error = spawn(childArguments(program, options, target), theirs.fd(), errorsIn.fd(), &pid);
  if (error != 0) return failed(call, error);
  ::close(theirs.release());
  ::close(errorsIn.release());
  int fd = receiveDescriptor(ours.fd());
  if (fd < 0) {
    std::string why = whyItFailed(program, errors.fd(), pid);
    return toString(call.env, why.data(), why.size());
  }
  if (asksFor(options.c(), "auto_unmount"))
    ours.release();
  else
    waitFor(pid);
  return toValue(call.env, int64_t{fd});
}

}  // namespace

void describeFusermount(Table& table) { table.add<fusermount>("fusermount"); }

}  // namespace stratafs
