#include "split_shadow_rings.h"

#include "../guarded_copy.h"
#include "../in_order_batches.h"
#include "shadow_beginning.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::capture {
namespace {

constexpr std::size_t entries_offset = 4;

std::uint16_t distance(std::uint16_t from, std::uint16_t to) noexcept {
    return static_cast<std::uint16_t>(to - from);
}

}  // namespace

SplitShadowRings::SplitShadowRings(ShadowMemory::Parts shadow, const DirtyLogWriter& log, Features features)
    : shadow_(shadow), log_(log), features_(features) {}

bool SplitShadowRings::place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) {
    const auto* const split = std::get_if<virtio::SplitRingLayout>(&layout);
    walked_ = false;
    driver_ = {};
    mappings_ = std::move(mappings);
    if (split == nullptr || !virtio::is_split_queue_size(split->size)) {
        return false;
    }
    layout_ = *split;
    back_end_ = {
        layout_.size,
        {shadow_.bytes, shadow_.bytes + ShadowMemory::available_offset, shadow_.bytes + ShadowMemory::used_offset},
        features_.event_index};
    if (mappings_ == nullptr) {
        return false;
    }
    // The event fields at the end exist only where EVENT_IDX is negotiated.
    const std::uint64_t unused = features_.event_index ? 0 : sizeof(std::uint16_t);
    const SplitRingMemory::Parts parts{mappings_->find_writable(layout_.descriptor, layout_.descriptor_bytes()),
                                       mappings_->find_writable(layout_.available, layout_.available_bytes() - unused),
                                       mappings_->find_writable(layout_.used, layout_.used_bytes() - unused)};
    if (parts.descriptor == nullptr || parts.available == nullptr || parts.used == nullptr) {
        return false;
    }
    driver_ = {layout_.size, parts, features_.event_index};
    return true;
}

std::vector<RingPart> SplitShadowRings::parts() const {
    using Part = trace::MemoryRecord::Part;
    if (!driver_.placed()) {
        return {};
    }
    const std::uint64_t unused = features_.event_index ? 0 : sizeof(std::uint16_t);
    return {{Part::descriptor, layout_.descriptor, layout_.descriptor_bytes()},
            {Part::available, layout_.available, layout_.available_bytes() - unused},
            {Part::used, layout_.used, layout_.used_bytes() - unused}};
}

std::optional<std::uint16_t> SplitShadowRings::driver_used_index() const noexcept {
    std::uint16_t index = 0;
    return driver_.used_index(index) ? std::optional(index) : std::nullopt;
}

std::optional<std::uint16_t> SplitShadowRings::driver_available_index() const noexcept {
    std::uint16_t index = 0;
    return driver_.available_index(index) ? std::optional(index) : std::nullopt;
}

std::vector<std::uint16_t> SplitShadowRings::available_heads(std::uint16_t from, std::size_t count) const {
    Bytes bytes(count * SplitRingMemory::available_entry);
    std::vector<std::uint16_t> heads;
    if (driver_.read_available(from, bytes)) {
        for (std::size_t i = 0; i < count; ++i) {
            heads.push_back(load<std::uint16_t>(bytes, i * SplitRingMemory::available_entry));
        }
    }
    return heads;
}

void SplitShadowRings::begin(const Beginning& beginning) {
    walked_ = false;
    elements_.clear();
    earlier_.assign(beginning.in_flight.rbegin(), beginning.in_flight.rend());
    delivered_ = beginning.used;
    available_ = next_offer_ = given_ = beginning.next;
    // A back-end finds the chains that it has in flight by their heads.
    mirror_table();
    Bytes heads;
    ByteWriter writer(heads);
    for (const std::uint16_t head : beginning.in_flight) {
        writer.write(head);
    }
    (void)back_end_.write_available(static_cast<std::uint16_t>(given_ - beginning.in_flight.size()), heads);
    (void)back_end_.publish_used(delivered_);
    (void)back_end_.publish_available(given_);
    (void)back_end_.set_used_flags(0);
    (void)back_end_.set_available_event(given_);
    kicks_wanted_ = calls_wanted_ = false;
    want_kicks(true);
    want_calls(true);
}

Status SplitShadowRings::begin_after(const QueuePast& past) {
    const auto beginning = find_beginning(*this, past);
    if (!beginning) {
        return tl::unexpected(beginning.error());
    }
    begin(*beginning);
    return {};
}

bool SplitShadowRings::next_earlier(Offer& offer) {
    if (earlier_.empty() || !driver_.placed()) {
        return false;
    }
    const std::uint16_t head = earlier_.back();
    const auto index = static_cast<std::uint16_t>(next_offer_ - earlier_.size());
    earlier_.pop_back();
    virtio::walk_chain(*mappings_, layout_, head, chain_);
    offer = {head, head, index, &chain_};
    return true;
}

trace::RingFields SplitShadowRings::fields() const noexcept {
    trace::RingFields fields;
    (void)driver_.sample(fields);
    return fields;
}

// --- From the driver to the back-end

std::size_t SplitShadowRings::look_for_offers() {
    std::uint16_t now = 0;
    if (!driver_.available_index(now)) {
        return 0;
    }
    const std::uint32_t pending = distance(next_offer_, now);
    available_ = now;
    if (pending <= layout_.size) {
        return 0;
    }
    // W4: the back-end is to see the same.
    walked_ = false;
    mirror_table();
    Bytes entries(layout_.size * SplitRingMemory::available_entry);
    if (driver_.read_available(0, entries)) {
        (void)back_end_.write_available(0, entries);
    }
    next_offer_ = now;
    return pending;
}

bool SplitShadowRings::next_offer(Offer& offer) {
    if (!driver_.placed() || next_offer_ == available_) {
        return false;
    }
    if (!walked_) {
        std::array<std::byte, SplitRingMemory::available_entry> entry{};
        if (!driver_.read_available(next_offer_, entry)) {
            return false;
        }
        head_ = load<std::uint16_t>(entry);
        virtio::walk_chain(*mappings_, layout_, head_, chain_);
        walked_ = true;
    }
    offer = {head_, head_, next_offer_, &chain_};
    return true;
}

void SplitShadowRings::take_offer() {
    mirror(chain_, head_);
    std::array<std::byte, SplitRingMemory::available_entry> entry{};
    store(entry, 0, head_);
    (void)back_end_.write_available(next_offer_++, entry);
    walked_ = false;
}

// Those descriptors of a chain that are in the ring's table, at the same places of ours.
void SplitShadowRings::mirror(const virtio::Chain& chain, std::uint16_t head) {
    std::uint16_t index = head;
    for (const virtio::RingDescriptor& descriptor : chain.descriptors) {
        (void)back_end_.write_descriptor(index, descriptor);
        if ((descriptor.flags & virtio::descriptor_indirect) != 0) {
            return;  // the others are in its table, which stays where it is
        }
        index = descriptor.next;
    }
}

void SplitShadowRings::mirror_table() {
    Bytes table(layout_.descriptor_bytes());
    if (driver_.read_descriptors(table)) {
        (void)back_end_.write_descriptors(table);
    }
}

bool SplitShadowRings::give() {
    if (given_ == next_offer_) {
        return false;
    }
    const std::uint16_t before = std::exchange(given_, next_offer_);
    (void)back_end_.publish_available(given_);
    fence_shared_memory();
    trace::RingFields fields;
    if (!back_end_.sample(fields)) {
        return false;
    }
    return features_.event_index ? virtio::needs_event(fields.available_event, before, given_)
                                 : (fields.used_flags & virtio::used_no_notify) == 0;
}

// --- From the back-end to the driver

std::size_t SplitShadowRings::look_for_completions(const ChainsInFlight& in_flight,
                                                   std::vector<Completion>& completions) {
    completions.clear();
    elements_.clear();
    std::uint16_t now = 0;
    if (!driver_.placed() || !back_end_.used_index(now)) {
        return 0;
    }
    const std::uint32_t pending = distance(delivered_, now);
    const std::uint32_t taken = std::min(pending, layout_.size);
    elements_.resize(taken * SplitRingMemory::used_entry);
    if (!back_end_.read_used(static_cast<std::uint16_t>(now - taken), elements_)) {
        elements_.clear();
        return 0;
    }
    if (pending > layout_.size) {  // the driver is to see the same
        (void)publish_completions(elements_, now);
        elements_.clear();
        return pending;
    }
    expanded_.clear();
    for (std::size_t at = 0; at < elements_.size(); at += SplitRingMemory::used_entry) {
        expanded_.push_back({load<std::uint32_t>(elements_, at), load<std::uint32_t>(elements_, at + 4), false});
    }
    if (features_.in_order) {
        expand_batches(in_flight, expanded_);
    }
    std::uint16_t index = delivered_;
    for (const UsedElement& element : expanded_) {
        completions.push_back({element.id, static_cast<std::uint16_t>(element.id), index,
                               static_cast<std::uint16_t>(index + 1), element.length, element.batched,
                               element.id < layout_.size});
        ++index;
    }
    return 0;
}

bool SplitShadowRings::deliver(std::size_t count) {
    const std::size_t bytes = count * SplitRingMemory::used_entry;
    const std::uint16_t index = static_cast<std::uint16_t>(delivered_ + count);
    const bool call = publish_completions(ByteView(elements_).first(bytes), index);
    elements_.erase(elements_.begin(), elements_.begin() + static_cast<std::ptrdiff_t>(bytes));
    return call;
}

// `elements` are the last ones before `index`.
bool SplitShadowRings::publish_completions(ByteView elements, std::uint16_t index) {
    const std::size_t count = elements.size() / SplitRingMemory::used_entry;
    const auto first = static_cast<std::uint16_t>(index - count);
    const std::uint16_t before = std::exchange(delivered_, index);
    (void)driver_.write_used(first, elements);
    (void)driver_.publish_used(index);
    if (log_on_) {
        const std::uint32_t slot = first & (layout_.size - 1);
        const std::size_t before_wrap = std::min<std::size_t>(count, layout_.size - slot);
        mark(layout_.used_slot(first), before_wrap * SplitRingMemory::used_entry);
        mark(entries_offset, (count - before_wrap) * SplitRingMemory::used_entry);
        mark(0, entries_offset);
    }
    fence_shared_memory();
    trace::RingFields fields;
    if (!driver_.sample(fields)) {
        return false;
    }
    return features_.event_index ? virtio::needs_event(fields.used_event, before, index)
                                 : (fields.available_flags & virtio::available_no_interrupt) == 0;
}

void SplitShadowRings::mark(std::uint64_t offset, std::uint64_t length) const noexcept {
    if (log_on_ && log_address_ <= UINT64_MAX - offset) {
        log_.mark(log_address_ + offset, length);
    }
}

// --- Notifications

// With EVENT_IDX an event that the other side has passed is as good as none: there is nothing to write to be left
// alone.
void SplitShadowRings::want_kicks(bool wanted) {
    const bool changed = std::exchange(kicks_wanted_, wanted) != wanted;
    if (features_.event_index && wanted) {
        (void)driver_.set_available_event(next_offer_);
        mark(layout_.available_event(), sizeof(std::uint16_t));
    } else if (!features_.event_index && changed) {
        (void)driver_.set_used_flags(wanted ? 0 : virtio::used_no_notify);
        mark(0, entries_offset);
    }
    if (wanted) {
        fence_shared_memory();
    }
}

void SplitShadowRings::want_calls(bool wanted) {
    const bool changed = std::exchange(calls_wanted_, wanted) != wanted;
    if (features_.event_index && wanted) {
        (void)back_end_.set_used_event(delivered_);
    } else if (!features_.event_index && changed) {
        (void)back_end_.set_available_flags(wanted ? 0 : virtio::available_no_interrupt);
    }
    if (wanted) {
        fence_shared_memory();
    }
}

}  // namespace vutrace::capture
