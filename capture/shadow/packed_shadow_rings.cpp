#include "packed_shadow_rings.h"

#include "../guarded_copy.h"

#include <vutrace/virtio/inflight.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {
namespace {

constexpr std::uint16_t ownership = virtio::packed_available | virtio::packed_used;

bool anything_in_flight(const QueuePast& past) {
    if (!past.inflight_shape) {
        return false;
    }
    const auto& shape = *past.inflight_shape;
    const auto area =
        virtio::parse_inflight_area({shape.mmap_size, shape.num_queues, shape.queue_size, true}, past.inflight_area);
    return std::any_of(area.queues.begin(), area.queues.end(), [&past](const virtio::InflightQueue& queue) {
        return queue.queue == past.queue && !queue.in_flight.empty();
    });
}

}  // namespace

bool PackedShadowRings::place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) {
    const auto* const packed = std::get_if<virtio::PackedRingLayout>(&layout);
    walked_ = false;
    driver_ = {};
    mappings_ = std::move(mappings);
    if (packed == nullptr || !virtio::is_packed_queue_size(packed->size)) {
        return false;
    }
    layout_ = *packed;
    back_end_ = {
        layout_.size,
        {shadow_.bytes, shadow_.bytes + ShadowMemory::available_offset, shadow_.bytes + ShadowMemory::used_offset}};
    if (mappings_ == nullptr) {
        return false;
    }
    const PackedRingMemory::Parts parts{mappings_->find_writable(layout_.descriptor, layout_.descriptor_bytes()),
                                        mappings_->find_writable(layout_.driver_event, virtio::packed_event_bytes),
                                        mappings_->find_writable(layout_.device_event, virtio::packed_event_bytes)};
    if (parts.descriptor == nullptr || parts.driver_event == nullptr || parts.device_event == nullptr) {
        return false;
    }
    driver_ = {layout_.size, parts};
    return true;
}

std::vector<RingPart> PackedShadowRings::parts() const {
    using Part = trace::MemoryRecord::Part;
    if (!driver_.placed()) {
        return {};
    }
    return {{Part::descriptor, layout_.descriptor, layout_.descriptor_bytes()},
            {Part::available, layout_.driver_event, virtio::packed_event_bytes},
            {Part::used, layout_.device_event, virtio::packed_event_bytes}};
}

Status PackedShadowRings::begin_after(const QueuePast& past) {
    virtio::PackedBase base = virtio::PackedBase::parse(past.base);
    if (anything_in_flight(past) || base.used != base.available || base.available.offset >= layout_.size) {
        return fail(ErrorCode::unsupported, "the packed ring does not begin with nothing in flight");
    }
    walked_ = false;
    used_.clear();
    keys_.clear();
    next_offer_ = given_ = looked_ = delivered_ = base.available;
    ids_.resize(layout_.size);
    known_.assign(layout_.size, {});
    listed_.assign(layout_.size, false);
    listed_count_ = 0;
    Position at = base.available;
    for (std::uint32_t i = 0; i < layout_.size; ++i) {  // neither available nor used
        (void)back_end_.write(at.offset, {0, 0, virtio::used_flags(!at.wrap), 0});
        at = at.plus(1, layout_.size);
    }
    (void)back_end_.set_device_event(virtio::PackedEvent::enable);
    want_kicks(true);
    want_calls(true);
    return {};
}

trace::RingFields PackedShadowRings::fields() const noexcept {
    const virtio::PackedEvent driver = driver_.driver_event();
    const virtio::PackedEvent device = driver_.device_event();
    return {next_offer_.value(), driver.flags, driver.position, delivered_.value(), device.flags, device.position};
}

// --- From the driver to the back-end

bool PackedShadowRings::next_offer(Offer& offer) {
    if (!walked_) {
        const auto flags = driver_.flags(next_offer_.offset);
        if (!flags || !virtio::is_available(*flags, next_offer_.wrap)) {
            return false;
        }
        virtio::walk_packed_chain(*mappings_, layout_, next_offer_, chain_);
        if (chain_.slots == 0) {
            return false;
        }
        find_rest();
        walked_ = true;
    }
    offer = {ids_.next_key(), chain_.id, next_offer_.value(), &chain_.chain};
    return true;
}

// A walk ends at what is wrong, a device that does not mind follows NEXT: to it the chain has all these descriptors,
// and the id of the last.
void PackedShadowRings::find_rest() {
    rest_.clear();
    const auto& descriptors = chain_.chain.descriptors;
    if (chain_.chain.problem == virtio::ChainProblem::none || descriptors.size() < chain_.slots) {
        return;
    }
    std::uint16_t flags = descriptors[chain_.slots - 1].flags;
    while ((flags & virtio::descriptor_next) != 0 && chain_.slots + rest_.size() < layout_.size) {
        const auto behind = static_cast<std::uint32_t>(chain_.slots + rest_.size());
        const auto descriptor = driver_.read(next_offer_.plus(behind, layout_.size).offset);
        if (!descriptor) {
            return;
        }
        rest_.push_back(*descriptor);
        flags = descriptor->flags;
        chain_.id = descriptor->next;
    }
}

void PackedShadowRings::take_offer() {
    const auto& descriptors = chain_.chain.descriptors;
    const std::size_t in_ring = std::min<std::size_t>(chain_.slots, descriptors.size());
    for (std::size_t i = 0; i < in_ring; ++i) {
        const Position at = next_offer_.plus(static_cast<std::uint32_t>(i), layout_.size);
        virtio::RingDescriptor descriptor = descriptors[i];
        if (i == 0) {  // its flags were judged, and might be others by now
            descriptor.flags =
                static_cast<std::uint16_t>((descriptor.flags & ~ownership) | virtio::available_flags(at.wrap));
        }
        if (at == given_) {
            held_ = std::exchange(descriptor.flags, virtio::used_flags(!at.wrap));
        }
        (void)back_end_.write(at.offset, descriptor);
    }
    const auto slots = static_cast<std::uint32_t>(chain_.slots + rest_.size());
    for (std::size_t i = 0; i < rest_.size(); ++i) {
        const Position at = next_offer_.plus(static_cast<std::uint32_t>(chain_.slots + i), layout_.size);
        (void)back_end_.write(at.offset, rest_[i]);
    }
    if (const std::uint16_t key = ids_.give_another(chain_.id); key != BufferIds::none) {
        known_[key] = {chain_.id, slots};
    }
    next_offer_ = next_offer_.plus(slots, layout_.size);
    walked_ = false;
}

bool PackedShadowRings::give() {
    if (given_ == next_offer_) {
        return false;
    }
    const Position before = std::exchange(given_, next_offer_);
    (void)back_end_.publish(before.offset, held_);
    fence_shared_memory();
    return virtio::needs_event(back_end_.device_event(), before, given_, layout_.size);
}

// --- From the back-end to the driver

std::size_t PackedShadowRings::look_for_completions(const ChainsInFlight& in_flight,
                                                    std::vector<Completion>& completions) {
    completions.clear();
    used_.clear();
    keys_.clear();
    listed_.assign(listed_.size(), false);
    listed_count_ = 0;
    looked_ = delivered_;
    while (driver_.placed() && used_.size() < layout_.size && completions.size() < layout_.size) {
        const auto flags = back_end_.flags(looked_.offset);
        const auto descriptor = back_end_.read(looked_.offset);
        if (!flags || !descriptor || !virtio::is_used(*flags, looked_.wrap)) {
            break;
        }
        list({descriptor->address, descriptor->length, *flags, descriptor->next}, in_flight, completions);
    }
    return 0;
}

// The oldest chain of this id that is not listed yet.
std::uint16_t PackedShadowRings::find_unlisted(std::uint16_t id) const noexcept {
    std::uint16_t key = ids_.find(id);
    for (std::size_t i = 0; i < most_of_one_id && key != BufferIds::none && listed_[key]; ++i) {
        key = ids_.behind(key);
    }
    return key;
}

// With IN_ORDER one descriptor may stand for all chains up to the one that it names.
void PackedShadowRings::list(const virtio::RingDescriptor& descriptor, const ChainsInFlight& in_flight,
                             std::vector<Completion>& completions) {
    const std::uint16_t id = descriptor.next;
    const std::uint16_t key = find_unlisted(id);
    const Position at = looked_;
    const std::size_t before = completions.size();
    // Without WRITE the length has no meaning: DPDK leaves the driver's there.
    const std::uint32_t length = (descriptor.flags & virtio::descriptor_write) != 0 ? descriptor.length : 0;
    if (key == BufferIds::none || !in_flight.is_open(key) || listed_[key]) {
        looked_ = at.plus(1, layout_.size);
        keys_.push_back(BufferIds::none);
        completions.push_back({BufferIds::none, id, at.value(), looked_.value(), length, false, true});
    } else {
        const std::size_t batch = in_order_ ? in_flight.batch_length(listed_count_, key).value_or(1) : 1;
        for (std::size_t i = 1; i < batch; ++i) {
            add_completion(in_flight.in_order(listed_count_), 0, true, completions);
        }
        add_completion(key, length, false, completions);
    }
    used_.push_back({descriptor, at, at.distance_to(looked_, layout_.size), completions.size() - before});
}

void PackedShadowRings::add_completion(std::uint16_t key, std::uint32_t length, bool batched,
                                       std::vector<Completion>& completions) {
    const Position at = looked_;
    looked_ = at.plus(known_[key].slots, layout_.size);
    listed_[key] = true;
    ++listed_count_;
    keys_.push_back(key);
    completions.push_back({key, known_[key].id, at.value(), looked_.value(), length, batched, true});
}

bool PackedShadowRings::deliver(std::size_t count) {
    const Position before = delivered_;
    while (!used_.empty() && used_.front().completions <= count) {
        count -= used_.front().completions;
        publish(used_.front());
        used_.pop_front();
    }
    if (delivered_ == before) {
        return false;
    }
    fence_shared_memory();
    return virtio::needs_event(driver_.driver_event(), before, delivered_, layout_.size);
}

void PackedShadowRings::publish(const Used& used) {
    (void)driver_.write_used(used.at.offset, used.descriptor.length, used.descriptor.next);
    (void)driver_.publish(used.at.offset, used.descriptor.flags);
    mark(layout_.descriptor + layout_.slot(used.at.offset), virtio::descriptor_size);
    delivered_ = used.at.plus(used.slots, layout_.size);
    for (std::size_t i = 0; i < used.completions; ++i) {  // from here on the driver may give the ids to other chains
        if (keys_.front() != BufferIds::none) {
            ids_.take_back(known_[keys_.front()].id);
        }
        keys_.pop_front();
    }
}

// By the address that the guest sees: the one in SET_VRING_ADDR tells where a split ring's used part is.
void PackedShadowRings::mark(std::uint64_t address, std::uint64_t length) const noexcept {
    if (log_on_) {
        log_.mark(address, length);
    }
}

// --- Notifications

void PackedShadowRings::want_kicks(bool wanted) {
    (void)driver_.set_device_event(wanted ? virtio::PackedEvent::enable : virtio::PackedEvent::disable);
    mark(layout_.device_event, virtio::packed_event_bytes);
    if (wanted) {
        fence_shared_memory();
    }
}

void PackedShadowRings::want_calls(bool wanted) {
    (void)back_end_.set_driver_event(wanted ? virtio::PackedEvent::enable : virtio::PackedEvent::disable);
    if (wanted) {
        fence_shared_memory();
    }
}

}  // namespace vutrace::capture
