// Both rings of one queue in mode `shadow`: the driver's in guest memory, of which we are the device, and the
// back-end's in our memory, of which we are the driver. A chain has the same head and the same index in both, and its
// buffers stay where they are.
//
// What a side does wrong reaches the other as it would without us: indices that jump, heads and lengths that cannot be
// are passed on bit for bit. Every call is bounded by the queue's size, and none fails: a ring whose memory is gone has
// nothing to take. One thread, the session's.
#pragma once

#include "../guest_mappings.h"
#include "../live_ring.h"

#include <vutrace/trace/records.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::capture {

class ShadowRings {
  public:
    struct Offer {
        std::uint16_t head{0};
        std::uint16_t index{0};
        const virtio::Chain* chain{nullptr};  // valid until the offer is taken
    };

    ShadowRings() = default;
    ShadowRings(const ShadowRings&) = delete;
    ShadowRings& operator=(const ShadowRings&) = delete;
    virtual ~ShadowRings() = default;

    [[nodiscard]] virtual std::uint32_t size() const noexcept = 0;
    // False while the driver's ring is in no memory that we can write.
    [[nodiscard]] virtual bool placed() const noexcept = 0;
    [[nodiscard]] virtual const std::shared_ptr<const GuestMappings>& mappings() const noexcept = 0;
    // The driver's ring, as it stands once what was taken is passed on.
    [[nodiscard]] virtual trace::RingFields fields() const noexcept = 0;

    // --- From the driver to the back-end
    // Looks how far the driver is. Gives by how many chains it is ahead of what a queue can hold, 0 for a sane one:
    // those were passed on unseen.
    [[nodiscard]] virtual std::size_t look_for_offers() = 0;
    // The next chain that the last look found, read once; false where there is none.
    [[nodiscard]] virtual bool next_offer(Offer& offer) = 0;
    virtual void take_offer() = 0;  // that one: it will be given
    // The back-end may see what was taken. True where it wants to be kicked for it.
    virtual bool give() = 0;

    // --- From the back-end to the driver
    // All completions that are new, in the back-end's order; `index` is the first one's. As look_for_offers otherwise.
    [[nodiscard]] virtual std::size_t look_for_completions(std::vector<UsedElement>& elements,
                                                           std::uint16_t& index) = 0;
    // The driver may see the first `count` of those that were looked for and not delivered. True where it wants to be
    // called for them.
    virtual bool deliver(std::size_t count) = 0;

    // --- Notifications: whether we want to be woken. After switching on, look again before sleeping.
    virtual void want_kicks(bool wanted) = 0;
    virtual void want_calls(bool wanted) = 0;
};

}  // namespace vutrace::capture
