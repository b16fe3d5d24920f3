// The content of a copy-up, for whoever makes one.
#pragma once

#include <stdint.h>

#include <atomic>

namespace stratafs {

// Makes `to` (empty) hold the `size` bytes that `from` holds, holes as holes. Bytes of data copied (0 when cloned), or
// -errno; -ECANCELED once `*cancelled` (which may be null).
int64_t copyAll(int from, int to, int64_t size, const std::atomic<bool>* cancelled);

}  // namespace stratafs
