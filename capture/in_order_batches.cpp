#include "in_order_batches.h"

namespace vutrace::capture {

void expand_batches(const ChainsInFlight& in_flight, std::vector<UsedElement>& elements) {
    std::size_t taken = 0;  // chains in flight that the elements so far stand for
    for (std::size_t at = 0; at < elements.size();) {
        const auto length = in_flight.batch_length(taken, elements[at].id);
        if (!length || *length > elements.size() - at) {
            ++at;
            continue;
        }
        const UsedElement last = elements[at];
        for (std::size_t i = 0; i + 1 < *length; ++i) {
            elements[at + i] = {in_flight.in_order(taken + i), 0, true};
        }
        elements[at + *length - 1] = last;
        at += *length;
        taken += *length;
    }
}

}  // namespace vutrace::capture
