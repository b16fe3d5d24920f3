// Memory that outlives its process, and descriptors in sockets: what a mount needs to be served on by a new process
// (docs/decisions/0035-a-mount-outlives-its-daemon.md). Memory is a memfd, mapped in parts. A descriptor that lies in
// the queue of a socket is open, whoever has died meanwhile, as long as somebody holds that socket.
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <vector>

#include "bridge.h"

namespace stratafs {

namespace {

constexpr size_t kMostFds = 8;
// Of a socket that holds descriptors; the kernel gives an ordinary user less.
constexpr int kRoom = 64 << 20;

int64_t memfd(Call&) { return result(::memfd_create("stratafs", MFD_CLOEXEC)); }

void unmap(napi_env, void* data, void* length) { ::munmap(data, reinterpret_cast<size_t>(length)); }

// `length` bytes of a memfd from `offset` on (whole pages), which grows to hold them: an ArrayBuffer, or -errno.
napi_value mapShared(Call& call, int fd, int64_t offset, int64_t length) {
  struct stat stat;
  struct rlimit limit;
  if (::fstat(fd, &stat) != 0) return failed(call, errno);
  // Growing beyond a limit would end the process (SIGXFSZ), some day.
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) return failed(call, EFBIG);
  if (stat.st_size < offset + length && ::ftruncate(fd, offset + length) != 0) return failed(call, errno);
  size_t size = static_cast<size_t>(length);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (data == MAP_FAILED) return failed(call, errno);
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(call.env, data, size, unmap, reinterpret_cast<void*>(size), &buffer) == napi_ok)
    return buffer;
  ::munmap(data, size);
  return failed(call, ENOMEM);
}

// Two connected unix sockets into `pair`: of messages that stay apart, or a stream.
int64_t socketPair(Call&, bool messages, Ints pair) {
  if (pair.length < 2) return -EINVAL;
  int fds[2];
  if (::socketpair(AF_UNIX, (messages ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0, fds) != 0) return -errno;
  for (int fd : fds) {
    int room = kRoom;
    if (messages && ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  }
  pair.data[0] = fds[0];
  pair.data[1] = fds[1];
  return 0;
}

struct Message {
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)] = {};
  struct iovec data = {};
  struct msghdr head = {};
  Message(void* bytes, size_t length) {
    data = {bytes, length};
    head.msg_iov = &data;
    head.msg_iovlen = 1;
    head.msg_control = control;
    head.msg_controllen = sizeof control;
  }
};

// Sends bytes with up to 8 descriptors, never waiting: the number of bytes, or -errno (EAGAIN: there is no room).
int64_t sendFds(Call&, int socket, Bytes bytes, Ints fds) {
  if (fds.length > kMostFds) return -EINVAL;
  Message message(bytes.data, bytes.length);
  size_t size = sizeof(int) * fds.length;
  message.head.msg_controllen = size == 0 ? 0 : CMSG_SPACE(size);
  if (size > 0) {
    struct cmsghdr* head = CMSG_FIRSTHDR(&message.head);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(head), fds.data, size);
  }
  ssize_t sent;
  do sent = ::sendmsg(socket, &message.head, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return result(sent);
}

// Receives bytes, and descriptors of one's own: fds[0] is their number, they follow. `peek`: the message stays where it
// is. `wait`: until there is one. The number of bytes, 0 at the end, or -errno (EAGAIN: there is none). Without room in
// `fds` the descriptors are let go of before they are anybody's.
int64_t receiveFds(Call&, int socket, Bytes bytes, Ints fds, bool peek, bool wait) {
  if (fds.length < kMostFds + 1 && fds.length != 0) return -EINVAL;
  Message message(bytes.data, bytes.length);
  if (fds.length == 0) message.head.msg_controllen = 0;
  int flags = MSG_CMSG_CLOEXEC | (peek ? MSG_PEEK : 0) | (wait ? 0 : MSG_DONTWAIT);
  ssize_t got;
  do got = ::recvmsg(socket, &message.head, flags);
  while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  if (fds.length == 0) return got;
  fds.data[0] = 0;
  struct cmsghdr* head = CMSG_FIRSTHDR(&message.head);
  if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return got;
  size_t size = head->cmsg_len - CMSG_LEN(0);
  memcpy(fds.data + 1, CMSG_DATA(head), size);
  fds.data[0] = static_cast<int32_t>(size / sizeof(int));
  return got;
}

// A slot of the state (src/union/state/slots.ts, which has its layout), in one call: before V8 has made code of what
// runs, a store in JavaScript costs as much as all of these. The nodeid comes last, and with it the slot is there.
struct Slot {
  double id, parent, ino;
  uint32_t flags, lookups, opens, writers, backing, next, sequence, length;
  char name[24];
};
static_assert(sizeof(Slot) == 80);

// All of a slot. What of `name` does not fit is in the slots from `next` on.
void fillSlot(volatile Slot* into, double id, double parent, double ino, uint32_t flags, uint32_t lookups,
              uint32_t opens, uint32_t writers, uint32_t backing, uint32_t next, uint32_t sequence, const Text& name) {
  Slot* slot = const_cast<Slot*>(into);
  slot->parent = parent;
  slot->ino = ino;
  slot->flags = flags;
  slot->lookups = lookups;
  slot->opens = opens;
  slot->writers = writers;
  slot->backing = backing;
  slot->next = next;
  slot->sequence = sequence;
  slot->length = static_cast<uint32_t>(name.length());
  memcpy(slot->name, name.c(), name.length() < sizeof slot->name ? name.length() : sizeof slot->name);
  __atomic_signal_fence(__ATOMIC_RELEASE);
  into->id = id;
}

// `index`: in the chunk of slots `bytes`.
int64_t writeSlot(Call&, Bytes bytes, uint32_t index, double id, double parent, double ino, uint32_t flags,
                  uint32_t lookups, uint32_t opens, uint32_t writers, uint32_t backing, uint32_t next,
                  uint32_t sequence, const Text& name) {
  if ((static_cast<size_t>(index) + 1) * sizeof(Slot) > bytes.length) return -EINVAL;
  Slot* slot = reinterpret_cast<Slot*>(bytes.data) + index;
  fillSlot(slot, id, parent, ino, flags, lookups, opens, writers, backing, next, sequence, name);
  return 0;
}

// What `tellSlot` writes to: the header's words, the counts to take back, and the chunks of slots. Both belong to
// JavaScript, which ends this before it lets go of them.
struct Ledger {
  uint32_t* words;
  uint32_t* log;
  size_t entries;
  std::vector<Bytes> chunks;
};
constexpr uint32_t kSequence = 3, kLogged = 21;         // words: memory.ts, journal.ts
constexpr uint32_t kChunkShift = 12, kLookupsField = 7;  // slots.ts
std::mutex ledgersMutex;
// Never grows under a reader: a ledger is reached by its address.
std::vector<Ledger*>* ledgers = nullptr;

// Each thread makes and uses its own. The number of a ledger.
int64_t openLedger(Call&, Bytes header, Bytes log) {
  std::lock_guard<std::mutex> lock(ledgersMutex);
  if (ledgers == nullptr) {
    ledgers = new std::vector<Ledger*>();
    ledgers->reserve(1 << 16);
  }
  Ledger* made = new Ledger{reinterpret_cast<uint32_t*>(header.data), reinterpret_cast<uint32_t*>(log.data),
                            log.length / (3 * sizeof(uint32_t)), {}};
  for (size_t at = 0; at < ledgers->size(); at++)
    if ((*ledgers)[at] == nullptr) return (*ledgers)[at] = made, static_cast<int64_t>(at);
  if (ledgers->size() == ledgers->capacity()) {
    delete made;
    return -ENFILE;
  }
  ledgers->push_back(made);
  return static_cast<int64_t>(ledgers->size() - 1);
}

int64_t closeLedger(Call&, uint32_t number) {
  std::lock_guard<std::mutex> lock(ledgersMutex);
  delete (*ledgers)[number];
  (*ledgers)[number] = nullptr;
  return 0;
}

int64_t addChunk(Call&, uint32_t number, uint32_t at, Bytes bytes) {
  auto& chunks = (*ledgers)[number]->chunks;
  if (chunks.size() <= at) chunks.resize(at + 1, Bytes{nullptr, 0});
  chunks[at] = bytes;
  return 0;
}

// The kernel is about to be told of a node the `lookups`-th time. What it was told before goes into the log. `id` 0:
// the slot is there already, and nothing but the count changes.
int64_t tellSlot(Call&, uint32_t number, uint32_t slot, double id, double parent, double ino, uint32_t flags,
                 uint32_t lookups, const Text& name) {
  Ledger& ledger = *(*ledgers)[number];
  Slot* at = reinterpret_cast<Slot*>(ledger.chunks[slot >> kChunkShift].data) + (slot & ((1u << kChunkShift) - 1));
  uint32_t logged = ledger.words[kLogged];
  if (logged < ledger.entries) {
    uint32_t* entry = ledger.log + 3 * logged;
    entry[0] = slot;
    entry[1] = kLookupsField;
    entry[2] = lookups - 1;
    __atomic_signal_fence(__ATOMIC_RELEASE);
    *const_cast<volatile uint32_t*>(&ledger.words[kLogged]) = logged + 1;
  }
  if (id == 0) {
    *const_cast<volatile uint32_t*>(&at->lookups) = lookups;
    return 0;
  }
  fillSlot(at, id, parent, ino, flags, lookups, 0, 0, 0, 0, ++ledger.words[kSequence], name);
  return 0;
}

}  // namespace

void describeShared(Table& table) {
  table.add<memfd>("memfd");
  table.add<mapShared>("mapShared");
  table.add<socketPair>("socketPair");
  table.add<sendFds>("sendFds");
  table.add<receiveFds>("receiveFds");
  table.add<writeSlot>("writeSlot");
  table.add<openLedger>("openLedger");
  table.add<closeLedger>("closeLedger");
  table.add<addChunk>("addChunk");
  table.add<tellSlot>("tellSlot");
}

}  // namespace stratafs
