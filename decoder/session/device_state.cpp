#include "vutrace/session/device_state.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <array>

namespace vutrace::session {
namespace {

using protocol::FrontEndRequest;

// Bounds on what a hostile peer can make us keep. Real ones stay far below: 509 memory slots, 256 rings.
constexpr std::size_t most_regions = 1024;
constexpr std::size_t most_queues = 1024;
constexpr std::uint32_t queue_index_limit = 0xffff;  // a trace has 16 bits for it, of which one value means none
constexpr std::size_t most_pending = 256;
constexpr std::size_t most_configuration_bytes = 4096;

virtio::Region region_of(const protocol::MemoryRegion& region) noexcept {
    return {region.guest_address, region.size, region.user_address, region.mmap_offset};
}

std::uint32_t id_at(const std::vector<std::uint32_t>& ids, std::size_t index) noexcept {
    return index < ids.size() ? ids[index] : 0;
}

}  // namespace

// What a request does when it is sent, and what its answer does. Requests without a row change nothing.
struct DeviceState::RequestRow {
    FrontEndRequest request;
    Handler sent;
    ReplyHandler answered;
    bool always_answered;  // otherwise only with NEED_REPLY
};

const DeviceState::RequestRow* DeviceState::find_row(std::uint32_t request) noexcept {
    using R = FrontEndRequest;
    using S = DeviceState;
    static constexpr std::array rows{
        RequestRow{R::GET_FEATURES, &S::only_answered, &S::features_answered, true},
        RequestRow{R::SET_FEATURES, &S::set_features, nullptr, false},
        RequestRow{R::RESET_OWNER, &S::reset, nullptr, false},
        RequestRow{R::SET_MEM_TABLE, &S::set_memory_table, nullptr, false},
        RequestRow{R::SET_LOG_BASE, &S::set_log_base, nullptr, false},
        RequestRow{R::SET_VRING_NUM, &S::set_vring_size, nullptr, false},
        RequestRow{R::SET_VRING_ADDR, &S::set_vring_addresses, nullptr, false},
        RequestRow{R::SET_VRING_BASE, &S::set_vring_base, nullptr, false},
        RequestRow{R::GET_VRING_BASE, &S::only_answered, &S::vring_base_answered, true},
        RequestRow{R::SET_VRING_KICK, &S::set_vring_kick, nullptr, false},
        RequestRow{R::SET_VRING_CALL, &S::set_vring_call, nullptr, false},
        RequestRow{R::SET_VRING_ERR, &S::set_vring_error, nullptr, false},
        RequestRow{R::GET_PROTOCOL_FEATURES, &S::only_answered, &S::protocol_features_answered, true},
        RequestRow{R::SET_PROTOCOL_FEATURES, &S::set_protocol_features, nullptr, false},
        RequestRow{R::GET_QUEUE_NUM, &S::only_answered, &S::queue_count_answered, true},
        RequestRow{R::IOTLB_MSG, &S::set_translation, &S::translation_answered, false},
        RequestRow{R::SET_VRING_ENABLE, &S::set_vring_enable, nullptr, false},
        RequestRow{R::SEND_RARP, &S::device_specific, nullptr, false},
        RequestRow{R::NET_SET_MTU, &S::device_specific, nullptr, false},
        RequestRow{R::GET_CONFIG, &S::only_answered, &S::configuration_answered, true},
        RequestRow{R::CREATE_CRYPTO_SESSION, &S::device_specific, nullptr, false},
        RequestRow{R::POSTCOPY_ADVISE, &S::postcopy_advise, nullptr, false},
        RequestRow{R::POSTCOPY_LISTEN, &S::postcopy_listen, nullptr, false},
        RequestRow{R::POSTCOPY_END, &S::postcopy_end, nullptr, false},
        RequestRow{R::GET_INFLIGHT_FD, &S::only_answered, &S::inflight_area_answered, true},
        RequestRow{R::SET_INFLIGHT_FD, &S::set_inflight_area, nullptr, false},
        RequestRow{R::GPU_SET_SOCKET, &S::device_specific, nullptr, false},
        RequestRow{R::RESET_DEVICE, &S::reset, nullptr, false},
        RequestRow{R::VRING_KICK, &S::vring_kick, nullptr, false},
        RequestRow{R::ADD_MEM_REG, &S::add_memory_region, &S::memory_region_answered, false},
        RequestRow{R::REM_MEM_REG, &S::remove_memory_region, nullptr, false},
        RequestRow{R::SET_STATUS, &S::set_status, nullptr, false},
        RequestRow{R::GET_VRING_BASE_SKIP_DRAIN, &S::only_answered, &S::vring_base_answered, true},
    };
    const auto* const row = std::find_if(rows.begin(), rows.end(), [&](const RequestRow& r) {
        return static_cast<std::uint32_t>(r.request) == request;
    });
    return row == rows.end() ? nullptr : row;
}

Change DeviceState::apply(Side sender, const protocol::Header& header, ByteView payload,
                          const std::vector<std::uint32_t>& descriptor_ids) {
    Change change;
    if (sender == Side::front_end) {
        apply_request({header, payload, descriptor_ids}, change);
    } else {
        apply_reply(header, payload, change);
    }
    return change;
}

void DeviceState::apply_request(const Message& message, Change& change) {
    const RequestRow* row = find_row(message.header.request);
    if (row == nullptr || message.header.is_reply()) {
        return;
    }
    (this->*row->sent)(message, change);
    if (row->answered != nullptr && (row->always_answered || message.header.needs_reply())) {
        expect_answer(message, change);
    }
}

void DeviceState::expect_answer(const Message& message, const Change& change) {
    Pending pending;
    pending.request = message.header.request;
    if (const auto state = protocol::parse_vring_state(message.payload)) {
        pending.queue = state->index;
    }
    if (pending.request == static_cast<std::uint32_t>(FrontEndRequest::ADD_MEM_REG) && change.memory) {
        pending.region = regions_.back().region;
    }
    if (pending_.size() == most_pending) {
        pending_.erase(pending_.begin());
    }
    pending_.push_back(pending);
}

// Answers come in the order of the requests. Some back-ends leave requests unanswered and some answer what we do not
// expect them to, so an answer belongs to the oldest request of its number, and those before it will get none.
void DeviceState::apply_reply(const protocol::Header& header, ByteView payload, Change& change) {
    const auto found = std::find_if(pending_.begin(), pending_.end(),
                                    [&](const Pending& pending) { return pending.request == header.request; });
    if (!header.is_reply() || found == pending_.end()) {
        return;
    }
    const Pending pending = *found;
    pending_.erase(pending_.begin(), std::next(found));
    (this->*find_row(pending.request)->answered)(pending, payload, change);
}

void DeviceState::only_answered(const Message& /*message*/, Change& /*change*/) {}

// --- Features

void DeviceState::set_features(const Message& message, Change& change) {
    const auto value = protocol::parse_u64(message.payload);
    if (!value) {
        return;
    }
    features_ = *value;
    change.features = true;
    if (!has_feature(protocol::feature::PROTOCOL_FEATURES)) {
        for (auto& [index, queue] : queues_) {
            queue.enabled = true;
        }
    }
}

void DeviceState::set_protocol_features(const Message& message, Change& change) {
    if (const auto value = protocol::parse_u64(message.payload)) {
        protocol_features_ = *value;
        protocol_features_given_ = true;
        change.features = true;
    }
}

void DeviceState::features_answered(const Pending& /*pending*/, ByteView payload, Change& change) {
    if (const auto value = protocol::parse_u64(payload)) {
        offered_features_ = *value;
        change.features = true;
    }
}

void DeviceState::protocol_features_answered(const Pending& /*pending*/, ByteView payload, Change& change) {
    if (const auto value = protocol::parse_u64(payload)) {
        offered_protocol_features_ = *value;
        change.features = true;
    }
}

void DeviceState::queue_count_answered(const Pending& /*pending*/, ByteView payload, Change& /*change*/) {
    if (const auto value = protocol::parse_u64(payload)) {
        queue_count_ = *value;
    }
}

void DeviceState::configuration_answered(const Pending& /*pending*/, ByteView payload, Change& /*change*/) {
    const auto config = protocol::parse_config(payload);
    if (!config || config->data.empty() || config->offset > most_configuration_bytes ||
        config->data.size() > most_configuration_bytes - config->offset) {
        return;  // an answer without data is a failure
    }
    configuration_.resize(std::max(configuration_.size(), config->offset + config->data.size()));
    std::copy(config->data.begin(), config->data.end(), configuration_.begin() + config->offset);
}

bool DeviceState::has_feature(unsigned bit) const noexcept {
    return features_ && protocol::has(*features_, bit);
}

bool DeviceState::has_protocol_feature(unsigned bit) const noexcept {
    return protocol::has(protocol_features_, bit);
}

// --- Memory

void DeviceState::memory_changed(Change& change) {
    ++epoch_;
    region_table_.regions.clear();
    std::transform(regions_.begin(), regions_.end(), std::back_inserter(region_table_.regions),
                   [](const KnownRegion& known) { return known.region; });
    change.memory = true;
}

void DeviceState::set_memory_table(const Message& message, Change& change) {
    // In postcopy the front-end sends a second message of this number once it has the back-end's addresses: empty by
    // the specification, 8 bytes of 0 from QEMU, never with descriptors.
    if (table_acknowledgement_due_ && message.descriptor_ids.empty()) {
        table_acknowledgement_due_ = false;
        return;
    }
    const auto table =
        protocol::parse_memory_regions(message.payload, has_protocol_feature(protocol::protocol_feature::XEN_MMAP));
    if (!table || table->size() > most_regions) {
        return;
    }
    regions_.clear();
    for (std::size_t i = 0; i < table->size(); ++i) {
        regions_.push_back({region_of((*table)[i]), id_at(message.descriptor_ids, i)});
    }
    table_acknowledgement_due_ = postcopy_active_;
    memory_changed(change);
}

void DeviceState::add_memory_region(const Message& message, Change& change) {
    const auto region =
        protocol::parse_memory_region(message.payload, has_protocol_feature(protocol::protocol_feature::XEN_MMAP));
    if (!region || regions_.size() >= most_regions) {
        return;
    }
    regions_.push_back({region_of(*region), id_at(message.descriptor_ids, 0)});
    memory_changed(change);
}

// mmap_offset is not compared: the specification matches by the three others.
void DeviceState::remove_memory_region(const Message& message, Change& change) {
    const auto named =
        protocol::parse_memory_region(message.payload, has_protocol_feature(protocol::protocol_feature::XEN_MMAP));
    if (!named) {
        return;
    }
    const auto found = std::find_if(regions_.begin(), regions_.end(), [&](const KnownRegion& known) {
        return known.region.guest_address == named->guest_address && known.region.size == named->size &&
               known.region.user_address == named->user_address;
    });
    if (found != regions_.end()) {
        regions_.erase(found);
        memory_changed(change);
    }
}

// A back-end that refuses a region does not have it. (In postcopy older back-ends answer with the region and their own
// address: 40 bytes, no acknowledgement.)
void DeviceState::memory_region_answered(const Pending& pending, ByteView payload, Change& change) {
    const auto value = protocol::parse_u64(payload);
    if (!value || payload.size() != sizeof(std::uint64_t) || *value == 0) {
        return;
    }
    const auto found = std::find_if(regions_.rbegin(), regions_.rend(),
                                    [&](const KnownRegion& known) { return known.region == pending.region; });
    if (found != regions_.rend()) {
        regions_.erase(std::next(found).base());
        memory_changed(change);
    }
}

void DeviceState::postcopy_advise(const Message& /*message*/, Change& change) {
    change.memory_incomplete = !memory_incomplete();
    postcopy_advised_ = true;
}

void DeviceState::postcopy_listen(const Message& /*message*/, Change& change) {
    change.postcopy = !postcopy_active_;
    change.memory_incomplete = !memory_incomplete();
    postcopy_active_ = true;
}

// Sent when every page is in place, so the request ends it: some back-ends never answer.
void DeviceState::postcopy_end(const Message& /*message*/, Change& change) {
    change.postcopy = postcopy_active_;
    change.memory_incomplete = memory_incomplete();
    postcopy_active_ = postcopy_advised_ = false;
    table_acknowledgement_due_ = false;
}

// Old front-ends send an address in their own memory instead, which tells nothing here.
void DeviceState::set_log_base(const Message& message, Change& /*change*/) {
    const auto log = protocol::parse_log(message.payload);
    dirty_log_ = log ? std::optional(*log) : std::nullopt;
}

void DeviceState::set_inflight_area(const Message& message, Change& /*change*/) {
    if (const auto area = protocol::parse_inflight(message.payload)) {
        inflight_area_ = *area;
    }
}

// A size of 0 says that the back-end has none.
void DeviceState::inflight_area_answered(const Pending& /*pending*/, ByteView payload, Change& /*change*/) {
    const auto area = protocol::parse_inflight(payload);
    if (area && area->mmap_size != 0) {
        inflight_area_ = *area;
    }
}

// --- Queues

QueueState* DeviceState::queue_to_change(std::uint32_t index, Change& change) {
    auto found = queues_.find(index);
    if (found == queues_.end()) {
        if (index >= queue_index_limit || queues_.size() >= most_queues) {
            return nullptr;
        }
        QueueState fresh;
        fresh.enabled = features_ && !has_feature(protocol::feature::PROTOCOL_FEATURES);
        found = queues_.emplace(index, fresh).first;
    }
    change.queue_changed = index;
    return &found->second;
}

const QueueState* DeviceState::queue(std::uint32_t index) const noexcept {
    const auto found = queues_.find(index);
    return found == queues_.end() ? nullptr : &found->second;
}

void DeviceState::set_vring_size(const Message& message, Change& change) {
    const auto state = protocol::parse_vring_state(message.payload);
    if (QueueState* queue = state ? queue_to_change(state->index, change) : nullptr) {
        queue->size = state->num;
    }
}

void DeviceState::set_vring_addresses(const Message& message, Change& change) {
    const auto addresses = protocol::parse_vring_address(message.payload);
    if (QueueState* queue = addresses ? queue_to_change(addresses->index, change) : nullptr) {
        queue->addresses = *addresses;
    }
}

void DeviceState::set_vring_base(const Message& message, Change& change) {
    const auto state = protocol::parse_vring_state(message.payload);
    if (QueueState* queue = state ? queue_to_change(state->index, change) : nullptr) {
        queue->base = state->num;
        queue->base_given = true;
    }
}

void DeviceState::set_vring_enable(const Message& message, Change& change) {
    const auto state = protocol::parse_vring_state(message.payload);
    if (QueueState* queue = state ? queue_to_change(state->index, change) : nullptr) {
        queue->enabled = state->num != 0;
    }
}

void DeviceState::set_vring_kick(const Message& message, Change& change) {
    const auto kick = protocol::parse_vring_descriptor(message.payload);
    if (QueueState* queue = kick ? queue_to_change(kick->queue(), change) : nullptr) {
        queue->polling = kick->no_descriptor();
        queue->kick_descriptor = id_at(message.descriptor_ids, 0);
        if (!queue->started) {
            queue->started = true;
            change.queue_started = kick->queue();
            queue_starts(change);
        }
    }
}

// A device that runs needs its memory. Announced and not begun, postcopy is not coming any more: QEMU sends no END
// then.
void DeviceState::queue_starts(Change& change) {
    if (postcopy_advised_ && !postcopy_active_) {
        postcopy_advised_ = false;
        change.memory_incomplete = true;
    }
}

void DeviceState::vring_kick(const Message& message, Change& change) {
    const auto state = protocol::parse_vring_state(message.payload);
    if (!state) {
        return;
    }
    Change attempt;  // a kick of a running queue changes nothing
    QueueState* queue = queue_to_change(state->index, attempt);
    if (queue != nullptr && !queue->started) {
        queue->started = true;
        attempt.queue_started = state->index;
        queue_starts(attempt);
        change = attempt;
    }
}

void DeviceState::set_vring_call(const Message& message, Change& change) {
    const auto call = protocol::parse_vring_descriptor(message.payload);
    if (QueueState* queue = call ? queue_to_change(call->queue(), change) : nullptr) {
        queue->has_call = !call->no_descriptor();
        queue->call_descriptor = id_at(message.descriptor_ids, 0);
    }
}

void DeviceState::set_vring_error(const Message& message, Change& change) {
    const auto err = protocol::parse_vring_descriptor(message.payload);
    if (QueueState* queue = err ? queue_to_change(err->queue(), change) : nullptr) {
        queue->err_descriptor = id_at(message.descriptor_ids, 0);
    }
}

// The answer stops the queue whatever it says; back-ends give up their kick and call descriptors with it.
void DeviceState::vring_base_answered(const Pending& pending, ByteView payload, Change& change) {
    const auto found = queues_.find(pending.queue);
    if (found == queues_.end()) {
        return;
    }
    QueueState& queue = found->second;
    if (const auto state = protocol::parse_vring_state(payload)) {
        queue.base = state->num;
        queue.base_given = true;
    }
    queue.has_call = false;
    queue.kick_descriptor = queue.call_descriptor = 0;
    change.queue_changed = pending.queue;
    if (queue.started) {
        queue.started = false;
        change.queue_stopped = pending.queue;
    }
    iotlb_.age();  // DPDK forgets what it knew, and asks again
}

void DeviceState::reset(const Message& /*message*/, Change& change) {
    for (auto& [index, queue] : queues_) {
        queue.started = false;
        queue.base = 0;
        queue.base_given = false;
        queue.enabled = features_ && !has_feature(protocol::feature::PROTOCOL_FEATURES);
    }
    iotlb_.age();
    change.device_reset = true;
}

void DeviceState::set_status(const Message& message, Change& change) {
    const auto status = protocol::parse_u64(message.payload);
    if (status && *status == 0) {
        reset(message, change);
    }
}

}  // namespace vutrace::session
