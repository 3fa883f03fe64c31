#include "held_queues.h"

#include <algorithm>
#include <array>

namespace vutrace::check {
namespace {

// Queues of which chains with readable bytes are held, too. Those of other event and receive queues have none. Few
// sessions say what their device is: where it is not known, the shape of such a chain tells.
struct HeldQueue {
    std::uint32_t device;
    std::uint16_t queue;
    std::uint64_t needs;  // device features without which the number is another queue's
    bool (*shape)(const Offer& offer) noexcept;
};
constexpr std::uint64_t balloon_stats_vq = 2;  // VIRTIO_BALLOON_F_STATS_VQ, bit 1

constexpr std::array held_queues{
    // virtio, Memory Balloon Device: Memory Statistics: entries of 10 bytes, held until the next ones are wanted
    HeldQueue{5, 2, balloon_stats_vq,
              [](const Offer& offer) noexcept { return offer.readable % 10 == 0 && offer.writable == 0; }},
    // virtio, Sound Device: PCM I/O Messages: the stream's number, then what comes in, and a status of 8 bytes
    HeldQueue{25, 3, 0, [](const Offer& offer) noexcept { return offer.readable == 4 && offer.writable >= 8; }},
    // virtio, GPIO Device: Device Operation: eventq: the line's number and a status, held until its interrupt
    HeldQueue{41, 1, 0, [](const Offer& offer) noexcept { return offer.readable == 2 && offer.writable == 1; }},
};

}  // namespace

bool is_held_by_design(const Offer& offer, std::uint32_t device, std::uint16_t queue,
                       const session::DeviceState& state) noexcept {
    return offer.readable == 0 || std::any_of(held_queues.begin(), held_queues.end(), [&](const HeldQueue& held) {
               return held.queue == queue && (state.features().value_or(0) & held.needs) == held.needs &&
                      (device == 0 ? held.shape(offer) : held.device == device);
           });
}

}  // namespace vutrace::check
