#include "shadow_messages.h"

#include "outgoing_messages.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using Severity = trace::NoteRecord::Severity;

constexpr std::size_t most_table_regions = 8;  // of SET_MEM_TABLE, by the specification
constexpr std::uint32_t region_size = 32;
constexpr std::uint32_t table_header = 8;
constexpr std::uint32_t single_region_size = 40;
constexpr std::uint32_t address_size = 40;
constexpr std::uint32_t value_size = 8;
constexpr std::uint32_t area_size = 24;
constexpr std::uint64_t no_such_queue = 0xff;  // the last number that a notifier's message has room for

virtio::Region region_of(const protocol::MemoryRegion& region) noexcept {
    return {region.guest_address, region.size, region.user_address, region.mmap_offset};
}

bool is_vring_base(const protocol::Header& answer) noexcept {
    return answer.is_reply() && answer.size == value_size;
}

}  // namespace

// A message that is held, if its payload has one of these sizes. Of an answer that may be to a request of our own
// `is_own` decides, which is asked once for each.
struct ShadowMessages::Row {
    Channel channel;
    std::uint32_t request;
    Side sender;
    std::uint32_t smallest;
    std::uint32_t largest;
    Handler handler;
    AnswerFilter is_own{nullptr};
};

const ShadowMessages::Row* ShadowMessages::find_row(Channel channel, Side sender, std::uint32_t request) noexcept {
    using R = FrontEndRequest;
    using M = ShadowMessages;
    constexpr auto main = [](R code, Side from, std::uint32_t smallest, std::uint32_t largest, Handler handler) {
        return Row{Channel::front_end, static_cast<std::uint32_t>(code), from, smallest, largest, handler};
    };
    constexpr auto to_ours = [](R code, Handler handler, AnswerFilter is_own) {
        return Row{
            Channel::front_end, static_cast<std::uint32_t>(code), Side::back_end, 0, UINT32_MAX, handler, is_own};
    };
    static constexpr std::array rows{
        main(R::SET_MEM_TABLE, Side::front_end, table_header + region_size,
             table_header + most_table_regions * region_size, &M::memory_table),
        main(R::GET_VRING_BASE, Side::front_end, value_size, value_size, &M::base_asked),
        main(R::ADD_MEM_REG, Side::front_end, single_region_size, single_region_size, &M::added_region),
        main(R::SET_VRING_ADDR, Side::front_end, address_size, address_size, &M::ring_addresses),
        main(R::SET_VRING_KICK, Side::front_end, value_size, value_size, &M::queue_starts),
        main(R::RESET_OWNER, Side::front_end, 0, 0, &M::device_reset),
        main(R::RESET_DEVICE, Side::front_end, 0, 0, &M::device_reset),
        main(R::SET_STATUS, Side::front_end, value_size, value_size, &M::device_status),
        to_ours(R::ADD_MEM_REG, &M::added_region_answered, &M::is_own_region_answer),
        to_ours(R::GET_VRING_BASE, &M::base_answered, &M::is_own_base_answer),
        main(R::GET_MAX_MEM_SLOTS, Side::back_end, value_size, value_size, &M::memory_slots_answered),
        Row{Channel::back_end, static_cast<std::uint32_t>(protocol::BackEndRequest::VRING_HOST_NOTIFIER_MSG),
            Side::back_end, area_size, area_size, &M::host_notifier},
    };
    const auto* const row = std::find_if(rows.begin(), rows.end(), [&](const Row& candidate) {
        return candidate.channel == channel && candidate.sender == sender && candidate.request == request;
    });
    return row == rows.end() ? nullptr : row;
}

bool ShadowMessages::holds(Channel channel, Side sender, const protocol::Header& header) {
    const Row* const row = find_row(channel, sender, header.request);
    if (row != nullptr && row->is_own != nullptr) {
        return (this->*row->is_own)(header);
    }
    const Side asks = channel == Channel::back_end ? Side::back_end : Side::front_end;
    return row != nullptr && header.is_reply() == (sender != asks) && header.size >= row->smallest &&
           header.size <= row->largest;
}

Replacement ShadowMessages::replace(const HeldMessage& message) {
    const Row* const row = find_row(message.channel, message.sender, message.header.request);
    return row == nullptr ? Replacement{} : (this->*row->handler)(message);
}

void ShadowMessages::forwarded() {
    for (trace::NoteRecord& waiting : notes_) {
        (void)recorder_.record(session_, std::move(waiting));
    }
    notes_.clear();
}

// --- Memory

Replacement ShadowMessages::memory_table(const HeldMessage& message) {
    if (return_.is_stopping()) {
        return give_back(message);
    }
    const auto table = protocol::parse_memory_regions(message.payload, false);
    const bool plain =
        !state_.memory_incomplete() && !state_.has_protocol_feature(protocol::protocol_feature::XEN_MMAP);
    const bool whole = table && message.payload.size() == table_header + table->size() * region_size &&
                       table->size() == message.numbers.size();
    if (!plain || !whole || table->size() >= most_table_regions) {
        lose_memory(!plain   ? "memory regions are those of postcopy or Xen"
                    : !whole ? "SET_MEM_TABLE is not as it must be"
                             : "SET_MEM_TABLE has no place for one more region");
        return give_back(message);
    }
    std::vector<protocol::MemoryRegion> regions = *table;
    std::vector<virtio::Region> ranges;
    std::transform(regions.begin(), regions.end(), std::back_inserter(ranges), region_of);
    if (!place_memory(ranges)) {
        return give_back(message);
    }
    at_back_end_ = true;
    regions.push_back(memory_->region());
    OutgoingMessage outgoing{message_bytes(message.header, protocol::serialise_regions(regions, false)),
                             message.numbers};
    outgoing.descriptors.push_back(memory_->file().number());
    note(Severity::info, trace::no_queue,
         fmt::format("shadow: SET_MEM_TABLE went to the back-end with one region more: {} bytes at {:#x}",
                     regions.back().size, regions.back().guest_address));
    std::vector<OutgoingMessage> all;
    all.push_back(std::move(outgoing));
    return all;
}

// After this message the back-end is without the shadow rings: it waits until all queues have stopped, and they go on
// with their own. `before`: goes out right before it.
Replacement ShadowMessages::give_back(const HeldMessage& message, std::vector<OutgoingMessage> before) {
    if (!return_.is_stopping() && !can_give_back()) {
        return {};
    }
    Replacement replacement(std::vector<OutgoingMessage>{});
    if (!return_.is_stopping()) {
        replacement.messages = return_.stop(queues_.running());
        (void)recorder_.record(
            session_, trace::NoteRecord{Severity::warning, trace::no_queue,
                                        fmt::format("shadow: the queues with shadow rings ({}) are stopped at the "
                                                    "back-end before the next message of the front-end goes out: {}",
                                                    queues_.running().size(), why_not_)});
    }
    replacement.ask_again = !return_.all_stopped();
    if (replacement.ask_again) {
        return replacement;
    }
    replacement.messages = std::move(before);
    replacement.messages->push_back({message_bytes(message.header, message.payload), message.numbers});
    std::ranges::move(return_.restart(), std::back_inserter(*replacement.messages));
    returned_ = return_.take_queues();
    for (const ShadowReturn::Queue& queue : returned_) {
        queues_.leave(queue.number);
        note(
            Severity::warning, queue.number,
            fmt::format("shadow: the back-end was made to stop the queue and to go on from {:#x} with its own ring, as "
                        "with --datapath relay: {}",
                        queue.base, why_not_));
    }
    return replacement;
}

Replacement ShadowMessages::base_asked(const HeldMessage& /*message*/) {
    return_.asked();
    return {};
}

// One that does not say where the back-end stopped ends the wait as well, and as soon as its header is here: its size
// may be a lie. The queue goes on from its used index then, as with a front-end that gets no answer (QEMU).
bool ShadowMessages::is_own_base_answer(const protocol::Header& header) {
    if (!return_.is_own_answer()) {
        return false;
    }
    if (is_vring_base(header)) {
        return true;
    }
    const std::uint16_t queue = return_.next_to_stop();
    queues_.end(queue);
    const std::uint32_t base = queues_.base_by_used(queue);
    return_.stopped({queue, base});
    (void)recorder_.record(
        session_, trace::NoteRecord{
                      Severity::warning, queue,
                      fmt::format("shadow: the back-end's answer to GET_VRING_BASE (flags {:#x}, {} of payload) "
                                  "does not say where it stopped: taken for {:#x}, behind what it has used. What it "
                                  "took and did not use it will find again",
                                  header.flags, count_text(header.size, "byte"), base)});
    return true;
}

Replacement ShadowMessages::base_answered(const HeldMessage& message) {
    if (const auto answer = protocol::parse_vring_state(message.payload); answer && is_vring_base(message.header)) {
        return_.stopped(*answer);
    }
    return {std::vector<OutgoingMessage>{}};
}

Replacement ShadowMessages::added_region(const HeldMessage& message) {
    const auto added = protocol::parse_memory_region(message.payload, false);
    std::vector<virtio::Region> ranges = state_.region_table().regions;
    if (added) {
        ranges.push_back(region_of(*added));
    }
    Replacement replacement;
    if (return_.is_stopping() || (at_back_end_ && memory_->collides_with(ranges))) {
        lose_memory("a region of the front-end's lies where that of the shadow rings is");
        replacement = give_back(
            message, {own_request(FrontEndRequest::REM_MEM_REG, protocol::serialise_region(memory_->region(), false))});
    } else if (!at_back_end_ && !std::exchange(own_region_tried_, true)) {
        if (!slot_kept_ || state_.memory_incomplete()) {
            lose_memory(slot_kept_ ? "postcopy" : "the back-end has not said that it has a slot for one more region");
        } else if (place_memory(ranges)) {
            replacement = add_own_region(message);
        }
    }
    if (message.header.needs_reply() && acknowledges() && !replacement.ask_again) {
        region_answers_.front_end_asked();
    }
    return replacement;
}

Replacement ShadowMessages::add_own_region(const HeldMessage& message) {
    const bool acknowledged = acknowledges();
    protocol::Header header = message.header;
    header.flags = protocol::version_1 | (acknowledged ? protocol::need_reply_flag : 0U);
    const protocol::MemoryRegion region = memory_->region();
    std::vector<OutgoingMessage> all;
    all.push_back({message_bytes(header, protocol::serialise_region(region, false)), {memory_->file().number()}});
    all.push_back({message_bytes(message.header, message.payload), message.numbers});
    at_back_end_ = !acknowledged;
    if (acknowledged) {
        region_answers_.we_asked();
    }
    why_not_ = "the back-end has not yet acknowledged the memory of shadow rings";
    note(Severity::info, trace::no_queue,
         fmt::format("shadow: before this an ADD_MEM_REG of vutrace's own went to the back-end: {} bytes at {:#x}",
                     region.size, region.guest_address));
    return all;
}

// Without that an answer to who sets NEED_REPLY is not due, and ours must not be taken for it later.
bool ShadowMessages::acknowledges() const noexcept {
    return state_.has_protocol_feature(protocol::protocol_feature::REPLY_ACK);
}

bool ShadowMessages::is_own_region_answer(const protocol::Header& /*header*/) {
    return region_answers_.answered();
}

Replacement ShadowMessages::added_region_answered(const HeldMessage& message) {
    const std::uint64_t status =
        message.payload.size() == value_size ? protocol::parse_u64(message.payload).value_or(1) : 1;
    at_back_end_ = status == 0;
    if (!at_back_end_) {
        lose_memory(fmt::format("the back-end refused the memory of shadow rings ({:#x})", status));
        forwarded();
    }
    return {std::vector<OutgoingMessage>{}};
}

Replacement ShadowMessages::memory_slots_answered(const HeldMessage& message) {
    const std::uint64_t slots = protocol::parse_u64(message.payload).value_or(0);
    if (slots < 2) {
        return {};
    }
    slot_kept_ = true;
    note(Severity::info, trace::no_queue,
         fmt::format("shadow: the front-end was told of {} memory slots, because vutrace needs one", slots - 1));
    std::vector<OutgoingMessage> all;
    all.push_back({message_bytes(message.header, protocol::serialise_u64(slots - 1)), message.numbers});
    return all;
}

// An address for these regions, where the memory is not at one that does.
bool ShadowMessages::place_memory(const std::vector<virtio::Region>& regions) {
    if (!have_memory()) {
        return false;
    }
    if (at_back_end_ && !memory_->collides_with(regions)) {
        return true;
    }
    const auto address = memory_->find_address(regions);
    if (!address || !queues_.running().empty()) {
        lose_memory("the front-end's memory leaves no address for it");
        return false;
    }
    memory_->place(*address);
    return true;
}

bool ShadowMessages::have_memory() {
    if (memory_) {
        return true;
    }
    // Network back-ends count pairs; the control queue comes on top.
    const std::uint64_t count = std::min<std::uint64_t>(state_.queue_count().value_or(0), ShadowMemory::most_queues);
    auto memory = ShadowMemory::create(static_cast<std::uint32_t>(2 * count + 1));
    if (!memory) {
        lose_memory(describe(memory.error()));
        return false;
    }
    memory_ = std::move(*memory);
    return true;
}

bool ShadowMessages::can_give_back() const {
    return !queues_.running().empty() && return_.can_return(queues_.running());
}

void ShadowMessages::lose_memory(std::string why) {
    const bool needed = std::exchange(at_back_end_, false) && !queues_.running().empty();
    why_not_ = std::move(why);
    if (needed && !can_give_back()) {
        note(Severity::error, trace::no_queue, fmt::format("shadow: rings lose their memory: {}", why_not_));
    }
}

// --- Rings

Replacement ShadowMessages::ring_addresses(const HeldMessage& message) {
    const auto asked = protocol::parse_vring_address(message.payload);
    if (!asked) {
        return {};
    }
    const auto queue = static_cast<std::uint16_t>(std::min<std::uint32_t>(asked->index, trace::no_queue));
    session::DeviceState next = state_;
    (void)next.apply(message.sender, message.header, message.payload, {});
    auto given = at_back_end_ ? queues_.prepare(asked->index, next, *memory_)
                              : Result<protocol::VringAddress>(fail(ErrorCode::unsupported, why_not_));
    if (!given) {
        queues_.leave(asked->index);
        note(Severity::warning, queue,
             fmt::format("shadow: the queue keeps its own ring, as with --datapath relay: {}", given.error().text));
        return {};
    }
    note(Severity::info, queue,
         fmt::format("shadow: SET_VRING_ADDR went to the back-end with descriptor {:#x}, used {:#x}, available {:#x}",
                     given->descriptor, given->used, given->available));
    std::vector<OutgoingMessage> all;
    all.push_back({message_bytes(message.header, protocol::serialise(*given)), message.numbers});
    return all;
}

Replacement ShadowMessages::queue_starts(const HeldMessage& message) {
    const auto kick = protocol::parse_vring_descriptor(message.payload);
    const Status started = kick ? queues_.start(kick->queue()) : Status{};
    const session::QueueState* const queue = kick ? state_.queue(kick->queue()) : nullptr;
    if (started || queue == nullptr || !queue->addresses) {
        return {};
    }
    // What came after its addresses (a base, an in-flight area) leaves the queue no shadow ring after all.
    queues_.leave(kick->queue());
    note(Severity::warning, static_cast<std::uint16_t>(kick->queue()),
         fmt::format("shadow: before this a SET_VRING_ADDR of vutrace's own told the back-end of the driver's ring, "
                     "which the queue keeps, as with --datapath relay: {}",
                     started.error().text));
    std::vector<OutgoingMessage> all;
    all.push_back(own_request(FrontEndRequest::SET_VRING_ADDR, protocol::serialise(*queue->addresses)));
    all.push_back({message_bytes(message.header, message.payload), message.numbers});
    return all;
}

// From here on the guest may use the rings' memory for something else.
Replacement ShadowMessages::device_reset(const HeldMessage& /*message*/) {
    queues_.end_all();
    return {};
}

Replacement ShadowMessages::device_status(const HeldMessage& message) {
    return protocol::parse_u64(message.payload) == 0U ? device_reset(message) : Replacement{};
}

// A notifier lets the guest ring the device's own doorbell: kicks would pass us by, and reach a device that finds
// nothing in our ring. The front-end is made to refuse it, as it may; the back-end goes on with eventfds then.
Replacement ShadowMessages::host_notifier(const HeldMessage& message) {
    auto area = protocol::parse_vring_area(message.payload);
    if (!area || area->value.no_descriptor() || !at_back_end_) {
        return {};
    }
    (void)recorder_.record(
        session_, trace::NoteRecord{Severity::info, area->value.queue(),
                                    "shadow: the host notifier that follows went to the front-end as one of queue 255, "
                                    "to be refused: kicks would pass the shadow ring by"});
    area->value.value = (area->value.value & ~std::uint64_t{0xff}) | no_such_queue;
    std::vector<OutgoingMessage> all;
    all.push_back({message_bytes(message.header, protocol::serialise(*area)), message.numbers});
    return all;
}

void ShadowMessages::note(Severity severity, std::uint16_t queue, std::string text) {
    notes_.push_back({severity, queue, std::move(text)});
}

}  // namespace vutrace::capture
