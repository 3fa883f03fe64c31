// Where a queue starts that may have a past: SET_VRING_BASE tells what the back-end reads next, the driver's used ring
// what it has used, and the in-flight area (INFLIGHT_SHMFD) what it has taken and not used when its connection was
// lost.
#pragma once

#include "split_shadow_rings.h"

namespace vutrace::capture {

// As a back-end of the protocol's own rules begins (QEMU docs/interop/vhost-user.rst, "Inflight I/O tracking"). A base
// at which no back-end could begin, because the available index is further ahead than the ring is long, is taken for
// the used index, as DPDK does. Errors: unsupported, where it is not certain what the back-end makes of the in-flight
// area; system, where the ring cannot be read. Then the ring must be left to its owners.
[[nodiscard]] Result<SplitShadowRings::Beginning> find_beginning(const SplitShadowRings& rings, const QueuePast& past);

}  // namespace vutrace::capture
