// On whose behalf the calling thread acts. Linux keeps fsuid, fsgid and capabilities per thread; the umask is per
// fs_struct, which enterEngineThread makes the thread's own. What is set is remembered in State, so that the usual
// case, the same caller as before, costs no system call.
#include <linux/capability.h>
#include <linux/securebits.h>
#include <malloc.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bridge.h"

namespace stratafs {

namespace {

constexpr int kUmaskIsPrivate = 1;
constexpr int kCapabilitiesKept = 2;
constexpr int kFsuidCanChange = 4;

bool effective(int capability) {
  if (capability < 0 || capability > 63) return false;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return data[capability / 32].effective >> (capability % 32) & 1;
}

bool keepCapabilities() {
  int bits = prctl(PR_GET_SECUREBITS);
  if (bits < 0) return false;
  if (bits & SECBIT_NO_SETUID_FIXUP) return true;
  return prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) == 0;
}

int64_t enterEngineThread(Call& call) {
  int bits = ::unshare(CLONE_FS) == 0 ? kUmaskIsPrivate : 0;
  ::umask(0);
  call.state.umask = 0;
  if (keepCapabilities()) bits |= kCapabilitiesKept;
  if (effective(CAP_SETUID) && effective(CAP_SETGID)) bits |= kFsuidCanChange;
  return bits;
}

// setfsuid(2) and setfsgid(2) tell the value before and never fail; a second call with an id that cannot be set, -1,
// tells whether the first one took.
template <int (*set)(unsigned)>
bool change(int64_t& known, uint32_t wanted) {
  if (known == wanted) return true;
  set(wanted);
  known = static_cast<uint32_t>(set(static_cast<unsigned>(-1)));
  return known == wanted;
}

int64_t become(Call& call, uint32_t uid, uint32_t gid, uint32_t umask) {
  State& state = call.state;
  if (!change<::setfsgid>(state.fsgid, gid) || !change<::setfsuid>(state.fsuid, uid)) return -EPERM;
  if (state.umask != umask) {
    ::umask(umask);
    state.umask = umask;
  }
  return 0;
}

int64_t stepBack(Call&, int by) {
  // Linux has a nice value for each thread.
  return result(::setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), by));
}

// Memory that the C library keeps for later, of all threads, goes back to the kernel.
int64_t trimMemory(Call&) {
#ifdef __GLIBC__
  return malloc_trim(0);
#else
  return 0;
#endif
}

int64_t hasCapability(Call&, int capability) { return effective(capability); }

}  // namespace

void describeIdentity(Table& table) {
  table.add<enterEngineThread>("enterEngineThread");
  table.add<become>("become");
  table.add<stepBack>("stepBack");
  table.add<hasCapability>("hasCapability");
  table.add<trimMemory>("trimMemory");
}

}  // namespace stratafs
