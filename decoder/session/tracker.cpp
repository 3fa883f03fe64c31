#include "chain_memory.h"
#include "vutrace/session/timeline.h"

#include <vutrace/protocol/features.h>

#include <algorithm>

namespace vutrace::session {
namespace {

// The largest message that is put together from pieces: what changes the state is far smaller.
constexpr std::size_t most_message_bytes = std::size_t{1} << 20U;

// What guest memory may cost beyond the bytes that the trace has of it.
constexpr std::uint64_t memory_allowance = std::uint64_t{2} << 30U;

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

void add_saturating(std::uint64_t& sum, std::uint64_t value) noexcept {
    sum = value > UINT64_MAX - sum ? UINT64_MAX : sum + value;
}

// Regions that are gone or are another file now: what was known of their bytes holds no longer.
void forget_removed(SparseMemory& memory, const std::vector<KnownRegion>& before, const DeviceState& device) {
    for (const KnownRegion& known : before) {
        const bool kept = std::any_of(device.regions().begin(), device.regions().end(),
                                      [&](const KnownRegion& now) { return now.region == known.region; });
        if (!kept) {
            memory.forget(known.region.guest_address, known.region.size);
        }
    }
}

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) noexcept {
    return a < b ? b - a < a_size : a - b < b_size;
}

// Whether a part of any ring lies in a piece of memory.
bool holds_ring(const DeviceState& device, const trace::MemoryRecord& memory) {
    const auto in_it = [&](std::uint64_t address, std::uint64_t bytes) {
        return overlap(memory.address, memory.content.size(), address, bytes);
    };
    return std::any_of(device.queues().begin(), device.queues().end(), [&](const auto& queue) {
        if (const auto split = device.split_ring(queue.first)) {
            return in_it(split->descriptor, split->descriptor_bytes()) ||
                   in_it(split->available, split->available_bytes()) || in_it(split->used, split->used_bytes());
        }
        const auto packed = device.packed_ring(queue.first);
        return packed && (in_it(packed->descriptor, packed->descriptor_bytes()) ||
                          in_it(packed->driver_event, virtio::packed_event_bytes) ||
                          in_it(packed->device_event, virtio::packed_event_bytes));
    });
}

// A queue that starts where it did not stop has nothing in flight any more.
void start_queue(SessionState& session, std::uint32_t index) {
    QueueProgress& queue = session.queues[static_cast<std::uint16_t>(index)];
    const std::uint32_t base = session.device.ring_base(index);
    const bool packed = session.device.has_feature(protocol::feature::RING_PACKED);
    const auto available = static_cast<std::uint16_t>(base);
    if (available != queue.next_available) {
        queue.open.clear();
        queue.next_available = available;
        queue.next_used = packed ? virtio::PackedBase::parse(base).used.value() : available;
    }
}

void apply_change(SessionState& session, const Change& change) {
    if (change.device_reset) {
        for (auto& [index, queue] : session.queues) {
            queue.open.clear();
        }
    }
    if (change.queue_started) {
        start_queue(session, *change.queue_started);
    }
}

// One pass over a ring: its entries one by one.
class ChainPass {
  public:
    ChainPass(SessionState& session, const trace::Record& record, const trace::ChainRecord& chains,
              MemoryTracking memory)
        : record_(record),
          queue_(session.queues[chains.queue]),
          memory_(session.memory, session.device.iova_space(),
                  chains.translations.value_or(session.device.translations()) == session.device.translations()),
          ring_(memory != MemoryTracking::off ? session.device.ring(chains.queue) : std::nullopt),
          packed_(session.device.has_feature(protocol::feature::RING_PACKED)),
          keeps_buffers_(memory == MemoryTracking::on) {
        const QueueState* state = session.device.queue(chains.queue);
        size_ =
            state != nullptr && state->size ? std::min(*state->size, virtio::max_queue_size) : virtio::max_queue_size;
        size_ = std::max(size_, 1U);
    }

    ChainContext take(const trace::ChainEntry& entry, std::uint64_t sequence) {
        memory_.next_step();
        ++queue_.proofs[static_cast<std::size_t>(entry.proof) % std::size(queue_.proofs)];
        return entry.state == trace::ChainEntry::State::available ? take_available(entry, sequence) : take_used(entry);
    }

    // The fields were read in the same pass as the entries. An index in them that is behind the entries (a record that
    // does not hold them) says nothing.
    void finish(trace::RingFields fields) {
        if (packed_) {  // positions of a pass, up to which it looked
            queue_.next_available = fields.available_index;
            queue_.next_used = fields.used_index;
        }
        if (!packed_) {
            fields.available_index = later(queue_.next_available, fields.available_index);
            fields.used_index = later(queue_.next_used, fields.used_index);
        }
        queue_.fields = fields;
        if (ring_) {
            std::visit([&](const auto& ring) { write_fields(memory_.guest(), ring, fields); }, *ring_);
        }
    }

  private:
    static std::uint16_t later(std::uint16_t a, std::uint16_t b) noexcept {
        return static_cast<std::uint16_t>(b - a) < 0x8000 ? b : a;
    }

    // The index behind an entry's: in a packed ring by as many descriptors as its chain takes.
    [[nodiscard]] std::uint16_t behind(std::uint16_t index, const std::vector<trace::ChainDescriptor>& chain) const {
        if (!packed_) {
            return static_cast<std::uint16_t>(index + 1);
        }
        const std::uint32_t slots = std::min(virtio::slots_of(chain), size_);
        return virtio::PackedPosition::parse(index).plus(slots, size_).value();
    }

    ChainContext take_available(const trace::ChainEntry& entry, std::uint64_t sequence) {
        ++queue_.chains_available;
        queue_.fields.available_index = queue_.next_available = behind(entry.index, entry.descriptors);
        if (ring_) {
            std::visit([&](const auto& ring) { write_available(memory_, ring, entry); }, *ring_);
        }
        if (keeps_buffers_) {
            write_buffers(memory_, entry.descriptors, false, entry.content);
        }
        const std::int64_t time = trace::time_of(record_, entry);
        if (packed_ || entry.head < size_) {  // a buffer id may be any number
            queue_.open.insert_or_assign(entry.head, OpenChain{sequence, time, entry});
        }
        return {entry.descriptors, sequence, time, entry.proof, {}};
    }

    ChainContext take_used(const trace::ChainEntry& entry) {
        ++queue_.chains_used;
        ChainContext context;
        if (auto open = queue_.open.extract(entry.head)) {
            OpenChain& chain = open.mapped();
            context = {std::move(chain.entry.descriptors), chain.sequence, chain.time, chain.entry.proof,
                       std::move(chain.entry.content)};
        } else {
            context.descriptors = entry.descriptors;
            context.proof = entry.proof;
        }
        queue_.fields.used_index = queue_.next_used = behind(entry.index, context.descriptors);
        if (ring_) {
            std::visit([&](const auto& ring) { write_used(memory_.guest(), ring, entry); }, *ring_);
        }
        if (keeps_buffers_) {
            write_buffers(memory_, context.descriptors, true, entry.content);
        }
        return context;
    }

    const trace::Record& record_;
    QueueProgress& queue_;
    ChainMemory memory_;
    std::optional<virtio::RingLayout> ring_;
    bool packed_{false};
    bool keeps_buffers_;
    std::uint32_t size_{0};
};

}  // namespace

const SessionState* Tracker::session(std::uint32_t number) const noexcept {
    const auto found = sessions_.find(number);
    return found == sessions_.end() ? nullptr : &found->second;
}

std::uint64_t Tracker::resident_bytes(std::unordered_set<const void*>& seen) const {
    std::uint64_t bytes = 0;
    for (const auto& [number, session] : sessions_) {
        bytes += sizeof(SessionState) + session.memory.resident_bytes(seen);
        for (const auto& [index, queue] : session.queues) {
            bytes += sizeof(QueueProgress);
            for (const auto& [head, chain] : queue.open) {
                bytes += sizeof(OpenChain) + chain.entry.content.literal().size() +
                         chain.entry.descriptors.size() * sizeof(trace::ChainDescriptor);
            }
        }
    }
    return bytes;
}

std::vector<ChainContext> Tracker::apply(const trace::Record& record) {
    return apply_first(record, SIZE_MAX);
}

std::vector<ChainContext> Tracker::apply_first(const trace::Record& record, std::size_t entries) {
    if (record.session == 0) {
        const auto* chains = std::get_if<trace::ChainRecord>(&record.body);
        return std::vector<ChainContext>(chains == nullptr ? 0 : std::min(entries, chains->entries.size()));
    }
    const auto [found, is_new] = sessions_.try_emplace(record.session);
    SessionState& session = found->second;
    if (is_new) {
        session.number = record.session;
        // Their sum stays bounded, however many sessions a hostile trace opens.
        session.memory.set_allowance(memory_allowance / sessions_.size());
    }
    return std::visit(Overloaded{
                          [&](const trace::ChainRecord& chains) { return take(session, record, chains, entries); },
                          [](const trace::NoteRecord&) { return std::vector<ChainContext>(); },
                          [&](const auto& body) {
                              take(session, body);
                              return std::vector<ChainContext>();
                          },
                      },
                      record.body);
}

void Tracker::take(SessionState& session, const trace::SessionRecord& record) {
    if (record.kind == trace::SessionRecord::Kind::opened) {
        session.opened = record.attributes;
        return;
    }
    session.closed.insert(session.closed.end(), record.attributes.begin(), record.attributes.end());
    if (record.kind == trace::SessionRecord::Kind::closed) {
        session.ended = true;
        partial_.erase({session.number, Side::front_end});
        partial_.erase({session.number, Side::back_end});
    }
}

void Tracker::take(SessionState& session, const trace::MessageRecord& record) {
    session.messages += record.offset == 0 ? 1 : 0;
    if (record.channel != Channel::front_end) {
        return;
    }
    const std::pair key{session.number, record.sender};
    if (record.offset == 0) {
        partial_.erase(key);
        begin_message(session, record);
        return;
    }
    const auto found = partial_.find(key);
    if (found == partial_.end()) {
        return;
    }
    Partial& partial = found->second;
    const std::size_t missing = partial.header.size - partial.payload.size();
    if (record.incomplete || record.offset != protocol::header_size + partial.payload.size() ||
        record.bytes.size() > missing) {
        partial_.erase(found);
        return;
    }
    partial.payload.insert(partial.payload.end(), record.bytes.begin(), record.bytes.end());
    for (const trace::Descriptor& descriptor : record.descriptors) {
        partial.descriptor_ids.push_back(descriptor.id);
    }
    if (record.bytes.size() == missing) {
        deliver(session, record.sender, partial);
        partial_.erase(found);
    }
}

void Tracker::begin_message(SessionState& session, const trace::MessageRecord& record) {
    const auto header = protocol::parse_header(record.bytes);
    if (!header || record.incomplete || header->size > most_message_bytes ||
        record.bytes.size() - protocol::header_size > header->size) {
        return;
    }
    Partial message;
    message.header = *header;
    message.payload.assign(record.bytes.begin() + protocol::header_size, record.bytes.end());
    for (const trace::Descriptor& descriptor : record.descriptors) {
        message.descriptor_ids.push_back(descriptor.id);
    }
    if (message.payload.size() == header->size) {
        deliver(session, record.sender, message);
    } else {
        partial_.insert_or_assign({session.number, record.sender}, std::move(message));
    }
}

void Tracker::deliver(SessionState& session, Side sender, const Partial& message) {
    const std::vector<KnownRegion> before = session.device.regions();
    const Change change = session.device.apply(sender, message.header, message.payload, message.descriptor_ids);
    if (change.memory) {
        forget_removed(session.memory, before, session.device);
    }
    apply_change(session, change);
}

void Tracker::take(SessionState& session, const trace::EventRecord& record) {
    if (record.queue == trace::no_queue) {
        return;
    }
    QueueProgress& queue = session.queues[record.queue];
    switch (record.kind) {
        case trace::EventRecord::Kind::kick:
            return add_saturating(queue.kicks, record.count);
        case trace::EventRecord::Kind::call:
            return add_saturating(queue.calls, record.count);
        case trace::EventRecord::Kind::err:
            return add_saturating(queue.errs, record.count);
    }
}

void Tracker::take(SessionState& session, const trace::MemoryRecord& record) {
    if (memory_ == MemoryTracking::off || !trace::is_guest_memory(record.part)) {
        return;
    }
    const bool of_region = record.part == trace::MemoryRecord::Part::region;
    if (memory_ == MemoryTracking::on || !of_region || holds_ring(session.device, record)) {
        session.memory.apply(record.address, record.content);
    }
}

void Tracker::take(SessionState& session, const trace::GapRecord& record) {
    if (record.queue != trace::no_queue) {
        QueueProgress& queue = session.queues[record.queue];
        add_saturating(queue.chains_lost, record.chains);
        queue.chains_lost_at_least |= record.at_least;
    }
}

std::vector<ChainContext> Tracker::take(SessionState& session, const trace::Record& record,
                                        const trace::ChainRecord& chains, std::size_t entries) {
    std::vector<ChainContext> contexts;
    const std::size_t count = std::min(entries, chains.entries.size());
    contexts.reserve(count);
    ChainPass pass(session, record, chains, memory_);
    for (std::size_t i = 0; i < count; ++i) {
        contexts.push_back(pass.take(chains.entries[i], record.sequence + i));
    }
    if (count == chains.entries.size()) {
        pass.finish(chains.fields);
    }
    return contexts;
}

}  // namespace vutrace::session
