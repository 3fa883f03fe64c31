#include "vutrace/replay/block_driver.h"

#include "block_driver_layout.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace vutrace::replay {

using namespace block_driver_layout;
namespace feature = protocol::feature;

// A direct chain takes three descriptors of the ring, and one in four is left over so that the sizes stay simple.
std::uint16_t BlockDriver::slot_count() const noexcept {
    return static_cast<std::uint16_t>(options_.queue_size / 4);
}

std::uint64_t BlockDriver::header_address(std::uint16_t queue, std::uint16_t slot) const noexcept {
    return page + (std::uint64_t{queue} * slot_count() + slot) * slot_stride;
}

std::uint64_t BlockDriver::ring_address(std::uint16_t queue) const noexcept {
    return high_start + queue * ring_bytes_;
}

std::uint64_t BlockDriver::data_address(std::uint16_t queue, std::uint16_t slot) const noexcept {
    return ring_address(options_.queue_count) + (std::uint64_t{queue} * slot_count() + slot) * options_.max_data;
}

std::uint64_t BlockDriver::sectors() const noexcept {
    return load<std::uint64_t>(state_.configuration());
}

std::size_t BlockDriver::in_flight() const noexcept {
    return std::accumulate(queues_.begin(), queues_.end(), std::size_t{0},
                           [](std::size_t sum, const QueueDriver& queue) { return sum + queue.in_flight(); });
}

std::uint64_t BlockDriver::kicks() const noexcept {
    return std::accumulate(queues_.begin(), queues_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const QueueDriver& queue) { return sum + queue.kicks(); });
}

// Direct: in the ring, where a chain of a split one begins at a place of its own. Indirect: in the table at `table`,
// whose entries a packed ring's device takes in sequence, whatever they say.
void BlockDriver::link(trace::ChainEntry& entry, std::uint16_t slot, std::uint64_t table,
                       std::vector<trace::ChainDescriptor> buffers) const {
    const bool indirect = state_.has_feature(feature::RING_INDIRECT_DESC);
    const bool by_id = options_.packed;
    entry.head = static_cast<std::uint16_t>(indirect || by_id ? slot : slot * descriptors_per_chain);
    const std::uint16_t first = indirect ? std::uint16_t{0} : entry.head;
    for (std::size_t i = 0; i + 1 < buffers.size() && !(by_id && indirect); ++i) {
        buffers[i].flags |= virtio::descriptor_next;
        buffers[i].next = static_cast<std::uint16_t>(by_id ? slot : first + i + 1);
    }
    if (indirect) {
        const auto size = static_cast<std::uint32_t>(buffers.size() * virtio::descriptor_size);
        entry.descriptors.push_back({table, size, virtio::descriptor_indirect, 0});
    }
    entry.descriptors.insert(entry.descriptors.end(), buffers.begin(), buffers.end());
}

trace::ChainEntry BlockDriver::build_chain(std::uint16_t queue, std::uint16_t slot, const BlockRequest& request) const {
    const std::uint64_t header = header_address(queue, slot);
    trace::ChainEntry entry;
    entry.proof = trace::Proof::verified;
    std::vector<trace::ChainDescriptor> buffers{{header, virtio::block::request_header_size, 0, 0}};
    const std::uint64_t data = data_address(queue, slot);
    if (!request.data.empty()) {
        buffers.push_back({data, static_cast<std::uint32_t>(request.data.size()), 0, 0});
    }
    if (request.read_length != 0) {
        buffers.push_back({data, request.read_length, virtio::descriptor_write, 0});
    }
    buffers.push_back({header + status_offset, 1, virtio::descriptor_write, 0});
    link(entry, slot, header + table_offset, std::move(buffers));
    const MutableByteView head = entry.content.add_literal_space(virtio::block::request_header_size);
    std::fill(head.begin(), head.end(), std::byte{0});
    store<std::uint32_t>(head, 0, request.type);
    store<std::uint64_t>(head, 8, request.sector);
    entry.content.add_literal(request.data);
    return entry;
}

Status BlockDriver::submit(std::uint16_t queue, const BlockRequest& request) {
    if (queue >= queues_.size() || request.data.size() > options_.max_data || request.read_length > options_.max_data ||
        (!request.data.empty() && request.read_length != 0)) {
        return fail(ErrorCode::usage,
                    fmt::format("queue {}: {} to write, {} to read, at most {} in one direction", queue,
                                count_text(request.data.size(), "byte"), request.read_length, options_.max_data));
    }
    if (free_slots_[queue].empty()) {
        return fail(ErrorCode::limit, fmt::format("all requests of queue {} are in flight", queue));
    }
    const std::uint16_t slot = free_slots_[queue].back();
    if (const auto offered = queues_[queue].offer(build_chain(queue, slot, request), slot); !offered) {
        return offered;
    }
    free_slots_[queue].pop_back();
    slot_requests_[queue][slot] = request;
    slot_requests_[queue][slot].data = {};
    return {};
}

Status BlockDriver::publish() {
    for (QueueDriver& queue : queues_) {
        if (const auto published = queue.publish(); !published) {
            return published;
        }
    }
    return {};
}

Status BlockDriver::take_completions(std::vector<BlockResult>& results) {
    std::vector<Completion> completions;
    for (std::uint16_t queue = 0; queue < options_.queue_count; ++queue) {
        const auto called = take_event(queues_[queue].call());
        if (options_.only_when_called && (!called || *called == 0) && !more_used_[queue]) {
            continue;
        }
        completions.clear();
        if (const auto taken = queues_[queue].take_used(completions); !taken) {
            return taken;
        }
        more_used_[queue] = queues_[queue].enable_call();
        for (const Completion& completion : completions) {
            if (!completion.known) {
                return fail(ErrorCode::bad_input,
                            fmt::format("queue {} completed head {}, which it does not have", queue, completion.id));
            }
            const auto slot = static_cast<std::uint16_t>(completion.chain.token);
            const BlockRequest& request = slot_requests_[queue][slot];
            BlockResult& result = results.emplace_back();
            result.token = request.token;
            result.queue = queue;
            result.used_length = completion.length;
            std::array<std::byte, 1> status{};
            (void)memory_.read(header_address(queue, slot) + status_offset, status);
            result.status = std::to_integer<std::uint8_t>(status[0]);
            result.data.resize(request.read_length);
            (void)memory_.read(data_address(queue, slot), result.data);
            free_slots_[queue].push_back(slot);
        }
    }
    return {};
}

Result<std::vector<BlockResult>> BlockDriver::wait() {
    if (in_flight() == 0) {
        return fail(ErrorCode::usage, "nothing is in flight");
    }
    if (const auto published = publish(); !published) {
        return tl::unexpected(published.error());
    }
    std::vector<int> calls;
    for (const QueueDriver& queue : queues_) {
        calls.push_back(queue.call().number());
    }
    const Deadline until = deadline();
    std::vector<BlockResult> results;
    while (true) {
        if (const auto taken = take_completions(results); !taken) {
            return tl::unexpected(taken.error());
        }
        if (!results.empty()) {
            return results;
        }
        if (std::find(more_used_.begin(), more_used_.end(), true) != more_used_.end()) {
            continue;
        }
        if (connection_.closed_by_peer()) {
            return fail(ErrorCode::peer_closed, "the back-end closed the connection");
        }
        if (Clock::now() >= until) {
            return fail(ErrorCode::timeout, fmt::format("no request was completed, {} are in flight", in_flight()));
        }
        const auto woken = connection_.wait(calls, until);
        if (!woken) {
            return tl::unexpected(woken.error());
        }
    }
}

}  // namespace vutrace::replay
