// A tap on a split ring. What it shares with that on a packed one is in RingTap and ChainSteps.
//
// Slots of both rings are checked as buffers are: one that may have been overwritten while it was read is counted as
// lost and not shown.
//
// Losses. Indices are free-running 16-bit numbers, so what was missed is counted exactly as long as fewer than 65536
// chains pass between two looks, of which `count` makes cheap ones. Where they were too far apart to be sure of it
// (RoundWatch) while nobody told us of the first chain, the next gap is marked. `gap` records count chains whose offer
// was missed in `chains`, and completions that were missed in `records`. Entries with the used state, no descriptors
// and no content are completions of chains whose offer was missed.
#pragma once

#include "live_ring.h"
#include "ring_tap.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::capture {

class SplitRingTap final : public RingTap {
  public:
    SplitRingTap(Options options, Recorder& recorder);

    bool place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) override;
    [[nodiscard]] bool placed() const noexcept override { return ring_.placed(); }
    [[nodiscard]] virtio::RingLayout layout() const noexcept override { return ring_.layout(); }
    [[nodiscard]] std::vector<RingPart> parts() const override;
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept override {
        return ring_.mappings();
    }
    void start(std::uint32_t base, bool look = true) override;
    void give_up() override;
    void count() override;
    [[nodiscard]] std::chrono::nanoseconds counting_interval() const noexcept override;
    [[nodiscard]] bool kicks_suppressed() const noexcept override;
    [[nodiscard]] bool calls_suppressed() const noexcept override;

  private:
    // Chains since the queue began: an index is its low 16 bits.
    using Position = std::uint64_t;
    static constexpr Position round = 65536;
    [[nodiscard]] static constexpr std::uint16_t index_of(Position position) noexcept {
        return static_cast<std::uint16_t>(position);
    }
    [[nodiscard]] static constexpr std::uint16_t distance(std::uint16_t from, std::uint16_t to) noexcept {
        return static_cast<std::uint16_t>(to - from);
    }

    std::size_t pass() override;
    [[nodiscard]] std::uint64_t followed() const noexcept override { return next_available_; }
    bool catch_up();
    void settle();
    bool sample(trace::RingFields& fields);
    void follow(const trace::RingFields& now);
    [[nodiscard]] bool was_cleared(const trace::RingFields& now, std::uint16_t offered,
                                   std::uint16_t completed) const noexcept;
    void forget_ring();
    void set_positions(Position available, Position used) noexcept;

    Taken take_available(bool forced);
    Taken take_heads(bool forced);
    void judge_available();
    std::size_t overwritten_available(const trace::RingFields& now) const noexcept;

    // split_ring_tap_used.cpp.
    bool fetch_used();
    void take_used();
    bool add_used(const UsedElement& element);
    bool offer_waits(std::uint32_t head);
    [[nodiscard]] bool driver_waits_for(std::uint16_t used_index, const trace::RingFields& now) const noexcept;
    void judge_used();

    void ran_ahead(bool offers, std::uint64_t pending);
    void lose_offers(std::uint64_t chains, const char* reason);
    void lose_completions(std::uint64_t completions, const char* reason);

    LiveRing ring_;
    trace::RingFields fields_;    // as last read
    Position next_available_{0};  // the first not taken
    Position next_used_{0};
    Position published_{0};  // as last read: the driver's index
    Position used_{0};       // the device's
    bool caught_up_{false};  // in this pass
    bool polled_{true};      // as last read: the driver would not kick, or nobody looked yet
    bool doubtful_{false};   // something was lost since all was last accounted for: a head may be used unseen

    // Scratch of a pass.
    virtio::Chain chain_;
    std::vector<std::uint16_t> heads_;
    std::vector<UsedElement> elements_;

    bool said_used_id_{false};
};

}  // namespace vutrace::capture
