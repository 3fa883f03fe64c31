// With IN_ORDER one used element may stand for all chains up to the one that it names.
#pragma once

#include "chains_in_flight.h"
#include "live_ring.h"

#include <vector>

namespace vutrace::capture {

// `elements` are used slots one after the other: those that a batch left stale become the chains that they stand for.
void expand_batches(const ChainsInFlight& in_flight, std::vector<UsedElement>& elements);

}  // namespace vutrace::capture
