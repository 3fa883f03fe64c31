// How many chains of a queue are in flight, entry by entry.
#pragma once

#include <vutrace/explain/annotation.h>

#include <cstdint>

namespace vutrace::explain {

// Chains in flight on the queue of a chain record before its first entry; 0 for other records. `after` is the record's
// session when the whole record was taken in: what is in flight is asked of it each time, because queues stop and
// sessions end. Each available entry makes it one more, each used one, if there are any, one less.
[[nodiscard]] std::uint64_t in_flight_before(const Annotation& annotation, const session::SessionState& after);

}  // namespace vutrace::explain
