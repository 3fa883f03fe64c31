#include "vutrace/explain/in_flight.h"

namespace vutrace::explain {

std::uint64_t in_flight_before(const Annotation& annotation, const session::SessionState& after) {
    const auto* chain = std::get_if<trace::ChainRecord>(&annotation.record->body);
    const auto queue = chain == nullptr ? after.queues.end() : after.queues.find(chain->queue);
    if (queue == after.queues.end()) {
        return 0;
    }
    std::uint64_t offered = 0;
    std::uint64_t completed = 0;  // of which the offer is in the trace
    for (std::size_t i = 0; i < chain->entries.size(); ++i) {
        const bool used = chain->entries[i].state == trace::ChainEntry::State::used;
        offered += used ? 0U : 1U;
        completed += used && annotation.entries[i].context.available_sequence != 0 ? 1U : 0U;
    }
    const std::uint64_t with_completed = queue->second.open.size() + completed;
    return with_completed < offered ? 0 : with_completed - offered;
}

}  // namespace vutrace::explain
