// A tap on a packed ring. What it shares with that on a split one is in RingTap and ChainSteps.
//
// A packed ring has no indices: who is where is told by the flags of each descriptor, and the device writes what it
// used over the descriptors that the driver made available. So a chain that was used before it was looked at cannot be
// read any more, and where the next one begins is not known either, until the driver's position is (it is always
// between two chains). The tap goes on from there; of what it stepped over it sees the completions, entries with the
// used state, no descriptors and no content, each counted as a lost chain.
//
// The proof. A chain's bytes are `verified` if after the copy its first descriptor stood in the ring as it was read,
// and none of the descriptors used since names its buffer. A device that has written the id of a used descriptor and
// not its flags yet cannot be told from one that has not begun: the limit of this proof is between these two stores.
//
// Losses. Positions repeat after two rounds. A driver that went further than a round is recognised by the descriptor
// before the tap's own position, which is of another round then: what was passed is counted in descriptors, and as the
// fewest chains that they can have been by the longest chain seen; two rounds more would look the same. Of a polled
// ring also a small step may be one of two rounds more: RoundWatch says when, and the next gap is marked.
#pragma once

#include "buffer_ids.h"
#include "live_packed_ring.h"
#include "ring_tap.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture {

class PackedRingTap final : public RingTap {
  public:
    PackedRingTap(Options options, Recorder& recorder) : RingTap(std::move(options), recorder) {}

    bool place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) override;
    [[nodiscard]] bool placed() const noexcept override { return ring_.placed(); }
    [[nodiscard]] virtio::RingLayout layout() const noexcept override { return ring_.layout(); }
    [[nodiscard]] std::vector<RingPart> parts() const override;
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept override {
        return ring_.mappings();
    }
    void start(std::uint32_t base, bool look = true) override;
    void give_up() override;
    // Until its first chain. A device that polls turns kicks off some time after the start.
    [[nodiscard]] bool watches_idle() const noexcept override { return !seen_any_; }
    [[nodiscard]] bool kicks_suppressed() const noexcept override;
    [[nodiscard]] bool calls_suppressed() const noexcept override;

  private:
    using Position = virtio::PackedPosition;

    // What the device used, as it is in the ring or, with IN_ORDER, as one descriptor stands for it.
    struct Used {
        Position at;
        Position next;  // where the next one is, or with `next_unknown` not before
        std::uint16_t id{0};
        std::uint16_t key{BufferIds::none};
        std::uint32_t length{0};
        bool batched{false};
        bool next_unknown{false};
    };

    [[nodiscard]] std::uint32_t size() const noexcept { return ring_.layout().size; }
    std::size_t pass() override;
    [[nodiscard]] std::uint64_t followed() const noexcept override { return followed_; }
    void forget_places(std::uint32_t size);
    bool sample();
    void settle();
    void note_if_cleared();

    Taken take_available(bool forced);
    std::optional<Taken> take_chain(bool forced);  // empty: took one
    std::optional<Taken> take_walked(bool forced);
    [[nodiscard]] bool waited_for(std::uint16_t flags) const noexcept;
    void meet_no_chain(std::uint16_t flags);
    [[nodiscard]] bool has_room_for(std::uint32_t descriptors) const noexcept;
    [[nodiscard]] std::uint32_t made_available_from(Position position);
    void judge_available();
    [[nodiscard]] bool may_be_overwritten(const trace::ChainEntry& entry) const noexcept;

    // packed_ring_tap_used.cpp.
    enum class Look : std::uint8_t { used, nothing, passed, unreadable };
    [[nodiscard]] bool fetch_used();
    Look look_for_used(Position& at, bool further, virtio::RingDescriptor& found) const noexcept;
    void list_used(const virtio::RingDescriptor& descriptor, Position at);
    void add_to_list(Used used);
    void take_used();
    [[nodiscard]] bool add_used(const Used& used);
    [[nodiscard]] bool add_unseen(const Used& used);
    [[nodiscard]] bool offer_waits(std::uint16_t id) const;
    // Calls `visit(id)` for what is available and not taken yet. False where that cannot be told.
    template <class Visit>
    [[nodiscard]] bool for_each_waiting(Visit visit) const;
    void judge_used();
    [[nodiscard]] bool driver_waits_for(const trace::ChainEntry& entry) const noexcept;

    // Losses: packed_ring_tap_losses.cpp.
    static constexpr const char* unread = "chains were used before their descriptors were read";
    static constexpr const char* overwritten = "used descriptors were overwritten before they were read";
    [[nodiscard]] static constexpr bool marked_available(std::uint16_t flags) noexcept {
        return (flags & virtio::packed_available) != 0;
    }
    [[nodiscard]] bool is_of_round(Position position) const noexcept;
    [[nodiscard]] bool was_passed() const noexcept;
    [[nodiscard]] std::optional<Position> driver_position() const;
    void catch_up();
    void step_over(std::uint32_t descriptors);
    struct Count {
        std::uint64_t fewest{0};
        bool exact{true};
    };
    [[nodiscard]] Count chains_from(Position position, std::uint32_t descriptors) const;
    [[nodiscard]] std::uint32_t stepped_over_within(std::uint32_t descriptors) const noexcept;
    void pass_used(std::uint32_t descriptors) noexcept;
    void forget_in_flight();
    [[nodiscard]] std::uint64_t fewest_chains(std::uint32_t descriptors) const noexcept;

    LivePackedRing ring_;
    BufferIds ids_;
    trace::RingFields fields_;  // as last read; the indices are the positions up to which it was looked
    Position next_available_;
    Position next_used_;
    bool next_used_unknown_{false};  // it is there or further on: a chain of unknown length was used before
    // Distances from `next_used_`, in descriptors. To `next_available_`; and up to where chains may be used whose
    // offers nobody missed: those of an earlier life, and those that were forgotten.
    std::uint32_t lag_{0};
    std::uint32_t earlier_{0};
    std::uint64_t followed_{0};
    bool seen_any_{false};
    bool doubtful_{false};      // something was lost since all was last accounted for
    std::uint32_t longest_{1};  // of the chains seen, in descriptors of the ring
    std::uint64_t unseen_{0};   // completions of this pass whose offers were missed
    // Where offers were stepped over whose completions are still to be seen, as distances from `next_used_`.
    struct Range {
        std::uint32_t begin{0};
        std::uint32_t end{0};
    };
    std::vector<Range> stepped_over_;

    // Scratch of a pass.
    virtio::PackedChain chain_;
    // A chain that waits for a translation: the device may use it without one, and writes over it then.
    struct Untranslated {
        Position at;
        virtio::PackedChain chain;
    };
    std::optional<Untranslated> untranslated_;
    std::vector<Used> used_;
    struct Known {
        std::uint16_t id{0};
        std::uint32_t slots{0};  // descriptors of the ring that the chain takes
        bool listed{false};      // in `used_`
    };
    std::vector<Known> known_;  // by key
    std::size_t listed_{0};
    bool forgot_{false};  // in this pass: which completed chains were offered again cannot be told
    std::vector<std::uint16_t> completed_ids_;
    mutable std::vector<virtio::RingDescriptor> descriptors_;
};

}  // namespace vutrace::capture
