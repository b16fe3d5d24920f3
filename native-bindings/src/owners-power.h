// An owner may do everything with a file of his on a plain filesystem, because he may change its mode first. A union
// may not: the mode of a lower file has to stay. So a call that an owner's own mode refuses is made once more by a
// process that has power over that user's files and over nothing else: root of a user namespace with this one user and
// this one group in it.
#pragma once

#include <errno.h>

#include <type_traits>

namespace stratafs {

// Runs `act(argument)` with that power; what it answers, errno set. -1 and EACCES where such a namespace cannot be had,
// or where this process has the power already. `act` may make system calls and nothing else.
long withOwnersPower(long (*act)(void*), void* argument);

// The answer of `call`, a lambda around one system call; made once more with the owner's power where it is EACCES.
template <class F>
long asOwner(F&& call) {
  long answer = call();
  if (answer >= 0 || errno != EACCES) return answer;
  using Plain = std::remove_reference_t<F>;
  return withOwnersPower([](void* argument) -> long { return (*static_cast<Plain*>(argument))(); },
                         const_cast<void*>(static_cast<const void*>(&call)));
}

}  // namespace stratafs
