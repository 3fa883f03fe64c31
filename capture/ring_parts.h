// The parts of a ring as they are now, as memory records.
#pragma once

#include "live_ring.h"

#include <vutrace/capture/recorder.h>

#include <cstdint>

namespace vutrace::capture {

// Nothing where the ring is not placed. What cannot be read is recorded as missing.
void record_ring_parts(const LiveRing& ring, std::uint16_t queue, std::uint32_t session, Recorder& recorder);

}  // namespace vutrace::capture
