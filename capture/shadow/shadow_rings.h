// Both rings of one queue in mode `shadow`: the driver's in guest memory, of which we are the device, and the
// back-end's in our memory, of which we are the driver. A chain has the same head (or buffer id) and the same index (or
// position) in both, and its buffers stay where they are.
//
// What a side does wrong reaches the other as it would without us: indices that jump, heads and lengths that cannot be
// are passed on bit for bit. Every call is bounded by the queue's size, and none fails: a ring whose memory is gone has
// nothing to take. One thread, the session's.
#pragma once

#include "../chains_in_flight.h"
#include "../guest_mappings.h"
#include "../ring_tap.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/ring_layout.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture {

// What there is to know of a queue before it starts.
struct QueuePast {
    std::uint32_t queue{0};
    std::uint32_t base{0};                             // as SET_VRING_BASE gave it
    std::optional<protocol::Inflight> inflight_shape;  // none: there is no area
    Bytes inflight_area;
};

class ShadowRings {
  public:
    // Under which key a chain is remembered: below the queue's size, or anything else for one that cannot be.
    struct Offer {
        std::uint16_t key{0};
        std::uint16_t head{0};
        std::uint16_t index{0};
        const virtio::Chain* chain{nullptr};  // valid until the next call
    };
    struct Completion {
        std::uint32_t key{0};
        std::uint16_t head{0};
        std::uint16_t index{0};
        std::uint16_t next{0};  // the driver's used index (or position) behind it
        std::uint32_t length{0};
        bool batched{false};  // without an element of its own (IN_ORDER): completely written
        bool named{true};     // false: what it names is no head at all
    };

    ShadowRings() = default;
    ShadowRings(const ShadowRings&) = delete;
    ShadowRings& operator=(const ShadowRings&) = delete;
    virtual ~ShadowRings() = default;

    // Where the driver's ring is: at the start, and again when regions or addresses changed. False where it is not in
    // mapped memory that can be written: nothing moves until the next `place`.
    virtual bool place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) = 0;
    [[nodiscard]] virtual virtio::RingLayout layout() const noexcept = 0;
    [[nodiscard]] virtual const std::shared_ptr<const GuestMappings>& mappings() const noexcept = 0;
    // Of the driver's ring; empty where it is not placed.
    [[nodiscard]] virtual std::vector<RingPart> parts() const = 0;
    // What is written of the driver's ring is to be marked in the dirty log, its used ring as if it were at `address`.
    virtual void log(bool on, std::uint64_t address) noexcept = 0;
    // Before the queue starts: makes our ring as the back-end must find it. Error: unsupported, system; then the queue
    // must be left to its own ring.
    [[nodiscard]] virtual Status begin_after(const QueuePast& past) = 0;
    // Then, one after the other: chains that the back-end has taken in an earlier life and not used.
    [[nodiscard]] virtual bool next_earlier(Offer& /*offer*/) { return false; }

    // As SET_VRING_BASE has it: where a back-end goes on that has used all that it took.
    [[nodiscard]] virtual std::uint32_t base_by_used() const noexcept = 0;

    // The driver's ring, as it stands once what was taken is passed on.
    [[nodiscard]] virtual trace::RingFields fields() const noexcept = 0;

    // --- From the driver to the back-end
    // Looks how far the driver is. Gives by how many chains it is ahead of what a queue can hold, 0 for a sane one:
    // those were passed on unseen.
    [[nodiscard]] virtual std::size_t look_for_offers() = 0;
    // The next chain, read once; false where there is none.
    [[nodiscard]] virtual bool next_offer(Offer& offer) = 0;
    virtual void take_offer() = 0;  // that one: it will be given
    // The back-end may see what was taken. True where it wants to be kicked for it.
    virtual bool give() = 0;

    // --- From the back-end to the driver
    // All completions that are new, in the back-end's order. `in_flight`: the chains taken and not completed, in order
    // with IN_ORDER. As look_for_offers otherwise.
    [[nodiscard]] virtual std::size_t look_for_completions(const ChainsInFlight& in_flight,
                                                           std::vector<Completion>& completions) = 0;
    // The driver may see the first `count` of those that were looked for and not delivered. True where it wants to be
    // called for them. With IN_ORDER all or none.
    virtual bool deliver(std::size_t count) = 0;

    // --- Notifications: whether we want to be woken. After switching on, look again before sleeping.
    virtual void want_kicks(bool wanted) = 0;
    virtual void want_calls(bool wanted) = 0;
};

}  // namespace vutrace::capture
