#include "shadow_beginning.h"

#include <vutrace/virtio/inflight.h>

#include <algorithm>

namespace vutrace::capture {
namespace {

std::optional<virtio::InflightQueue> noted_in_area(const QueuePast& past) {
    if (!past.inflight_shape) {
        return std::nullopt;
    }
    const auto& shape = *past.inflight_shape;
    auto area =
        virtio::parse_inflight_area({shape.mmap_size, shape.num_queues, shape.queue_size, false}, past.inflight_area);
    const auto found = std::find_if(area.queues.begin(), area.queues.end(),
                                    [&past](const auto& queue) { return queue.queue == past.queue; });
    return found == area.queues.end() ? std::nullopt : std::optional(std::move(*found));
}

// The connection may have been lost between publishing the last completions and noting them: those that it names last
// are used already.
Result<std::vector<std::uint16_t>> heads_in_flight(const virtio::InflightQueue& noted, std::uint16_t used) {
    const auto published = static_cast<std::uint16_t>(used - noted.used_index);
    if (noted.cut || published > 1) {
        return fail(ErrorCode::unsupported,
                    "the in-flight area does not tell for certain what the back-end has to do again");
    }
    std::vector<std::uint16_t> heads;
    for (const virtio::InflightHead& head : noted.in_flight) {
        if (published == 0 || head.head != noted.last_batch_head) {
            heads.push_back(head.head);
        }
    }
    return heads;
}

}  // namespace

Result<SplitShadowRings::Beginning> find_beginning(const SplitShadowRings& rings, const QueuePast& past) {
    const auto used = rings.driver_used_index();
    const auto available = rings.driver_available_index();
    if (!used || !available) {
        return fail(ErrorCode::system, "the ring's memory cannot be read");
    }
    const auto base = static_cast<std::uint16_t>(past.base);
    SplitShadowRings::Beginning beginning{*used, base, {}};
    if (const auto noted = noted_in_area(past); noted && !noted->in_flight.empty()) {
        auto heads = heads_in_flight(*noted, *used);
        if (!heads) {
            return tl::unexpected(heads.error());
        }
        if (!heads->empty()) {
            beginning.next = static_cast<std::uint16_t>(*used + heads->size());
            beginning.in_flight = std::move(*heads);
            return beginning;
        }
    }
    // Without an area a back-end that works in order may read again what lies between.
    const auto behind = static_cast<std::uint16_t>(base - *used);
    if (behind <= rings.size()) {
        beginning.in_flight = rings.available_heads(*used, behind);
    } else if (static_cast<std::uint16_t>(*available - base) > rings.size()) {
        beginning.next = *used;  // virtio-user of DPDK says 0 wherever the ring stands
    }
    return beginning;
}

}  // namespace vutrace::capture
