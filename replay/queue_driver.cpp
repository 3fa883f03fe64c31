#include "vutrace/replay/queue_driver.h"

#include "driver_ring.h"

#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::replay {
namespace {

constexpr std::uint64_t observed_bytes_limit = 16U << 20U;  // of one completion, for the observer

// Hands out consecutive bytes of a content to one buffer after another.
class ContentCursor {
  public:
    explicit ContentCursor(const trace::Content& content) : content_(content) {}

    // Writes the next `length` bytes to `address`. False where known bytes have no place.
    bool write_to(const BufferMemory& memory, std::uint64_t address, std::uint64_t length) {
        bool all_written = true;
        while (length != 0 && run_ < content_.runs().size()) {
            const trace::Run& run = content_.runs()[run_];
            const std::uint64_t size = std::min(length, run.length - used_);
            if (run.kind == trace::RunKind::literal) {
                all_written &= memory.write(address, content_.literal().subspan(literal_, size));
                literal_ += size;
            } else if (run.kind == trace::RunKind::zeros) {
                all_written &= memory.zero(address, size);
            }
            address += size;
            length -= size;
            used_ += size;
            if (used_ == run.length) {
                ++run_;
                used_ = 0;
            }
        }
        return all_written;
    }

  private:
    const trace::Content& content_;
    std::size_t run_{0};
    std::uint64_t used_{0};  // bytes of the run
    std::size_t literal_{0};
};

}  // namespace

QueueDriver::QueueDriver(const BufferMemory& memory, std::uint16_t number, Observer* observer)
    : memory_(memory), number_(number), observer_(observer) {}
QueueDriver::QueueDriver(QueueDriver&&) noexcept = default;
QueueDriver::~QueueDriver() = default;

Status QueueDriver::find_ring() {
    Status found = ring_->follow();
    started_ = started_ && found;
    return found;
}

Status QueueDriver::start(const Start& start) {
    const bool packed = std::holds_alternative<virtio::PackedRingLayout>(start.layout);
    ring_ = (packed ? make_packed_driver_ring : make_split_driver_ring)(memory_, number_, start);
    offered_.clear();
    const Status done = ring_->start();
    started_ = done.has_value();
    for (const std::uint16_t head : started_ ? ring_->from_before() : std::vector<std::uint16_t>()) {
        offered_.emplace(head, OfferedChain{0, {}, true});
    }
    return done;
}

Status QueueDriver::move(const virtio::RingLayout& layout) {
    if (!started_ || ring_->layout() == layout) {
        return {};
    }
    started_ = false;
    if (layout.index() != ring_->layout().index() || virtio::size_of(layout) != ring_->size()) {
        return fail(ErrorCode::bad_input, fmt::format("queue {} cannot become another ring while it runs", number_));
    }
    // All is read before anything is written: parts may change places.
    std::vector<Bytes> parts;
    for (const RingRange& range : ring_->ranges()) {
        parts.emplace_back(range.length);
        if (!memory_.physical().read(range.address, parts.back())) {
            return fail(ErrorCode::bad_input, fmt::format("the ring of queue {} is no longer in memory", number_));
        }
    }
    if (Status moved = ring_->move(layout); !moved) {
        return moved;
    }
    bool written = true;
    auto part = parts.begin();
    for (const RingRange& range : ring_->ranges()) {
        written = memory_.physical().write(range.address, *part++) && written;
    }
    started_ = written;
    return {};
}

void QueueDriver::forget_from_before(std::uint16_t head) {
    const auto [first, last] = offered_.equal_range(head);
    const auto found = std::find_if(first, last, [](const auto& entry) { return entry.second.from_before; });
    if (found != last) {
        offered_.erase(found);
        ring_->forget_from_before(head);
    }
}

std::vector<RingRange> QueueDriver::ring_ranges() const {
    return ring_ == nullptr ? std::vector<RingRange>() : ring_->ranges();
}

std::uint16_t QueueDriver::unpublished() const noexcept {
    return ring_ == nullptr ? std::uint16_t{0} : ring_->unpublished();
}

bool QueueDriver::write_content(const trace::ChainEntry& entry) const {
    bool all_written = true;
    ContentCursor cursor(entry.content);
    virtio::for_each_buffer(entry.descriptors, false, [&](std::uint64_t address, std::uint32_t length) {
        all_written &= cursor.write_to(memory_, address, length);
    });
    return all_written;
}

Status QueueDriver::offer(const trace::ChainEntry& entry, std::uint64_t token) {
    if (!started_) {
        return fail(ErrorCode::usage, fmt::format("queue {} is not started", number_));
    }
    if (const auto found = find_ring(); !found) {
        return found;
    }
    if (entry.descriptors.empty() && std::holds_alternative<virtio::PackedRingLayout>(ring_->layout())) {
        return fail(ErrorCode::unsupported,
                    fmt::format("chain {} of queue {} has no descriptors, and nothing else makes a chain available in "
                                "a packed ring",
                                entry.head, number_));
    }
    if (!ring_->has_room(entry, offered_.size())) {
        return fail(ErrorCode::limit,
                    fmt::format("queue {} has {} slots and has no room for another chain", number_, ring_->size()));
    }
    forget_from_before(entry.head);
    const bool content_written = write_content(entry);
    const std::uint16_t index = ring_->next_available();
    const bool descriptors_written = ring_->offer(entry);
    if (observer_ != nullptr) {
        trace::ChainEntry offered = entry;
        offered.index = index;
        offered.time_offset = 0;
        observer_->chain(number_, ring_->fields(), offered);
    }
    offered_.emplace(entry.head, OfferedChain{token, entry.descriptors});
    if (!content_written || !descriptors_written) {
        return fail(ErrorCode::bad_input,
                    fmt::format("chain {} of queue {} lies in part outside the guest's memory", entry.head, number_));
    }
    return {};
}

Status QueueDriver::publish() {
    if (unpublished() == 0) {
        return {};
    }
    if (const auto found = find_ring(); !found) {
        return found;
    }
    if (!ring_->publish() || !kick_) {
        return {};
    }
    ++kicks_;
    return signal_event(kick_);
}

Completion QueueDriver::complete(std::uint16_t index, std::uint32_t id, std::uint32_t length) {
    Completion completion;
    completion.index = index;
    completion.id = id;
    completion.head = static_cast<std::uint16_t>(id & 0xffffU);
    completion.length = length;
    const auto chain = id <= UINT16_MAX ? offered_.find(completion.head) : offered_.end();
    if (chain != offered_.end()) {
        completion.known = true;
        completion.chain = std::move(chain->second);
        offered_.erase(chain);
    }
    if (observer_ != nullptr) {
        trace::ChainEntry entry;
        entry.state = trace::ChainEntry::State::used;
        entry.proof = trace::Proof::verified;  // the driver owns the buffers from here on, and that is us
        entry.head = completion.head;
        entry.index = index;
        entry.used_length = length;
        entry.content = read_written(memory_, completion.chain.descriptors, length, observed_bytes_limit);
        observer_->chain(number_, ring_->fields(), entry);
    }
    return completion;
}

Status QueueDriver::take_used(std::vector<Completion>& completions) {
    if (!started_) {
        return {};
    }
    if (const auto found = find_ring(); !found) {
        return found;
    }
    std::vector<DriverRing::Used> used;
    const Status taken = ring_->take_used(offered_.size(), used);
    for (const DriverRing::Used& one : used) {
        completions.push_back(complete(one.index, one.id, one.length));
    }
    started_ = started_ && taken;
    return taken;
}

bool QueueDriver::enable_call() {
    return started_ && find_ring() && ring_->enable_call();
}

trace::Content read_written(const BufferMemory& memory, const std::vector<trace::ChainDescriptor>& descriptors,
                            std::uint64_t length, std::uint64_t limit) {
    trace::Content content;
    std::uint64_t left = length;
    Bytes buffer;
    virtio::for_each_buffer(descriptors, true, [&](std::uint64_t address, std::uint32_t buffer_length) {
        const std::uint64_t wanted = std::min<std::uint64_t>(left, buffer_length);
        left -= wanted;
        if (wanted == 0) {
            return;
        }
        if (content.size() + wanted > limit || !memory.contains(address, 1, virtio::Access::write)) {
            content.add_missing(wanted);
            return;
        }
        buffer.resize(wanted);
        if (memory.read(address, buffer)) {
            content.add_literal(buffer);
        } else {
            content.add_missing(wanted);
        }
    });
    return content;
}

}  // namespace vutrace::replay
