#include "chains_in_flight.h"

#include <algorithm>

namespace vutrace::capture {
namespace {

// A head keeps the memory of its last chain for the next one up to this size.
constexpr std::size_t kept_capacity = 256;

}  // namespace

void ChainsInFlight::resize(std::uint32_t queue_size) {
    chains_.clear();
    chains_.resize(queue_size);
    order_.clear();
    first_ = count_ = descriptors_ = 0;
}

void ChainsInFlight::clear() {
    resize(static_cast<std::uint32_t>(chains_.size()));
}

void ChainsInFlight::open(std::uint16_t head, const virtio::Chain& chain,
                          const std::shared_ptr<const GuestMappings>& mappings) {
    close(head);
    ChainInFlight& entry = chains_[head];
    entry.open = true;
    entry.mappings = mappings;
    entry.writable_bytes = chain.writable_bytes;
    entry.forgotten = descriptors_ + chain.descriptors.size() > most_descriptors;
    if (!entry.forgotten) {
        std::copy_if(chain.descriptors.begin(), chain.descriptors.end(), std::back_inserter(entry.writable),
                     [](const virtio::RingDescriptor& descriptor) {
                         return (descriptor.flags & virtio::descriptor_write) != 0 &&
                                (descriptor.flags & virtio::descriptor_indirect) == 0;
                     });
        descriptors_ += entry.writable.size();
    }
    ++count_;
    if (track_order_) {
        order_.push_back(head);
    }
}

void ChainsInFlight::close(std::uint16_t head) noexcept {
    ChainInFlight& entry = chains_[head];
    if (!entry.open) {
        return;
    }
    descriptors_ -= entry.writable.size();
    --count_;
    entry.open = false;
    entry.mappings.reset();
    entry.writable.clear();
    if (entry.writable.capacity() > kept_capacity) {
        std::vector<virtio::RingDescriptor>().swap(entry.writable);
    }
    if (track_order_) {
        forget_order(head);
    }
}

void ChainsInFlight::forget_order(std::uint16_t head) noexcept {
    const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(first_);
    const auto found = std::find(begin, order_.end(), head);
    if (found == begin && found != order_.end()) {
        ++first_;
        if (first_ > 1024 && first_ * 2 > order_.size()) {  // now and then, so that it costs nothing per chain
            order_.erase(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    } else if (found != order_.end()) {
        order_.erase(found);
    }
}

std::optional<std::size_t> ChainsInFlight::batch_length(std::size_t skip, std::uint32_t id) const noexcept {
    for (std::size_t i = first_ + skip; i < order_.size(); ++i) {
        if (order_[i] == id) {
            return i - first_ - skip + 1;
        }
    }
    return std::nullopt;
}

}  // namespace vutrace::capture
