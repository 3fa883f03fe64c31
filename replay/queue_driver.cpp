#include "vutrace/replay/queue_driver.h"

#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::replay {
namespace {

constexpr std::uint64_t observed_bytes_limit = 16U << 20U;  // of one completion, for the observer

virtio::RingDescriptor ring_descriptor(const trace::ChainDescriptor& recorded) {
    return {recorded.address, recorded.length, recorded.flags, recorded.next};
}

// Where the descriptors of a walk lie: in the ring from the head on, then in the table of the indirect one.
class DescriptorPlace {
  public:
    DescriptorPlace(const MappedMemory& memory, const RingAccess& ring, std::uint16_t head)
        : memory_(memory), ring_(ring), index_(head) {}

    // The place of the next descriptor of the walk; empty where it lies outside. Then moves on by what it says.
    MutableByteView take(const trace::ChainDescriptor& descriptor) {
        const MutableByteView place = in_table_ ? table_place() : ring_.descriptor(index_);
        if (!in_table_ && (descriptor.flags & virtio::descriptor_indirect) != 0) {
            in_table_ = true;
            table_ = descriptor.address;
            table_entries_ = descriptor.length / virtio::descriptor_size;
            index_ = 0;
        } else {
            index_ = descriptor.next;
        }
        return place;
    }

  private:
    MutableByteView table_place() const {
        if (index_ >= table_entries_) {
            return {};
        }
        std::byte* place =
            memory_.at(table_ + std::uint64_t{index_} * virtio::descriptor_size, virtio::descriptor_size);
        return place == nullptr ? MutableByteView{} : MutableByteView{place, virtio::descriptor_size};
    }
    const MappedMemory& memory_;
    const RingAccess& ring_;
    std::uint16_t index_;
    bool in_table_{false};
    std::uint64_t table_{0};
    std::uint64_t table_entries_{0};
};

// Hands out consecutive bytes of a content to one buffer after another.
class ContentCursor {
  public:
    explicit ContentCursor(const trace::Content& content) : content_(content) {}

    // Writes the next `length` bytes to `address`. False where known bytes have no place.
    bool write_to(const MappedMemory& memory, std::uint64_t address, std::uint64_t length) {
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

Status QueueDriver::find_ring() {
    Status found = ring_.follow();
    started_ = started_ && found;
    return found;
}

Status QueueDriver::start(const Start& start) {
    if (Status placed = ring_.place(start.layout); !placed) {
        started_ = false;
        return placed;
    }
    event_index_ = start.event_index;
    next_available_ = published_ = start.available_index;
    next_used_ = start.used_index;
    offered_.clear();
    ring_->set_available_flags(0);
    ring_->set_used_flags(0);
    ring_->set_used_event(next_used_);
    ring_->set_available_event(published_);
    ring_->set_used_index(next_used_);
    ring_->set_available_index(published_);
    started_ = true;
    return {};
}

bool QueueDriver::write_descriptors(const trace::ChainEntry& entry) {
    bool all_written = true;
    DescriptorPlace places(memory_, *ring_, entry.head);
    for (const trace::ChainDescriptor& descriptor : entry.descriptors) {
        const MutableByteView place = places.take(descriptor);
        if (place.empty()) {
            all_written = false;
            continue;
        }
        virtio::serialise_descriptor(ring_descriptor(descriptor), place);
    }
    return all_written;
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
    if (offered_.size() >= ring_->layout().size) {
        return fail(ErrorCode::limit,
                    fmt::format("queue {} has {} slots and all are in use", number_, ring_->layout().size));
    }
    const bool content_written = write_content(entry);
    const bool descriptors_written = write_descriptors(entry);
    ring_->set_available_head(next_available_, entry.head);
    if (observer_ != nullptr) {
        trace::ChainEntry offered = entry;
        offered.index = next_available_;
        offered.time_offset = 0;
        observer_->chain(number_, fields(), offered);
    }
    offered_.emplace(entry.head, OfferedChain{token, entry.descriptors});
    ++next_available_;
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
    const std::uint16_t before = published_;
    published_ = next_available_;
    ring_->set_available_index(published_);
    full_fence();
    const bool wanted = event_index_ ? virtio::needs_event(ring_->available_event(), before, published_)
                                     : (ring_->used_flags() & virtio::used_no_notify) == 0;
    if (!wanted || !kick_) {
        return {};
    }
    ++kicks_;
    return signal_event(kick_);
}

Completion QueueDriver::complete(std::uint16_t index, RingAccess::UsedElement element) {
    Completion completion;
    completion.index = index;
    completion.id = element.id;
    completion.head = static_cast<std::uint16_t>(element.id & 0xffffU);
    completion.length = element.length;
    const auto chain = element.id <= UINT16_MAX ? offered_.find(completion.head) : offered_.end();
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
        entry.used_length = element.length;
        entry.content = read_written(memory_, completion.chain.descriptors, element.length, observed_bytes_limit);
        observer_->chain(number_, fields(), entry);
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
    const std::uint16_t used_index = ring_->used_index();
    const auto fresh = static_cast<std::uint16_t>(used_index - next_used_);
    if (fresh > offered_.size()) {
        started_ = false;
        return fail(ErrorCode::bad_input,
                    fmt::format("used index of queue {} went from {} to {} with {} chains offered", number_, next_used_,
                                used_index, offered_.size()));
    }
    while (next_used_ != used_index) {
        completions.push_back(complete(next_used_, ring_->used_element(next_used_)));
        ++next_used_;
    }
    return {};
}

bool QueueDriver::enable_call() {
    if (!started_ || !find_ring()) {
        return false;
    }
    if (event_index_) {
        ring_->set_used_event(next_used_);
    }
    full_fence();
    return ring_->used_index() != next_used_;
}

trace::RingFields QueueDriver::fields() const noexcept {
    return {ring_->available_index(), ring_->available_flags(), ring_->used_event(),
            ring_->used_index(),      ring_->used_flags(),      ring_->available_event()};
}

trace::Content read_written(const MappedMemory& memory, const std::vector<trace::ChainDescriptor>& descriptors,
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
        if (content.size() + wanted > limit || memory.at(address, 1) == nullptr) {
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
