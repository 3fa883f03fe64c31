// ShadowRings for packed rings.
//
// A chain that was taken has its descriptors at the same places of our ring, with the flags that the driver gave them.
// What keeps it back until it is given are the flags of the first descriptor of all that were taken: a device stops
// there. An in-flight area with anything in flight is not understood.
#pragma once

#include "../buffer_ids.h"
#include "dirty_log_writer.h"
#include "packed_ring_memory.h"
#include "shadow_memory.h"
#include "shadow_rings.h"

#include <deque>

namespace vutrace::capture {

class PackedShadowRings final : public ShadowRings {
  public:
    // `shadow` and `log` outlive the object.
    PackedShadowRings(ShadowMemory::Parts shadow, const DirtyLogWriter& log, bool in_order)
        : shadow_(shadow), log_(log), in_order_(in_order) {}

    bool place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) override;
    [[nodiscard]] virtio::RingLayout layout() const noexcept override { return layout_; }
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept override { return mappings_; }
    [[nodiscard]] std::vector<RingPart> parts() const override;
    void log(bool on, std::uint64_t /*address*/) noexcept override { log_on_ = on; }
    [[nodiscard]] Status begin_after(const QueuePast& past) override;
    [[nodiscard]] std::uint32_t base_by_used() const noexcept override {
        return virtio::PackedBase{delivered_, delivered_}.value();
    }
    [[nodiscard]] trace::RingFields fields() const noexcept override;

    // A packed ring has no index that could run ahead.
    [[nodiscard]] std::size_t look_for_offers() override { return 0; }
    [[nodiscard]] bool next_offer(Offer& offer) override;
    void take_offer() override;
    bool give() override;
    [[nodiscard]] std::size_t look_for_completions(const ChainsInFlight& in_flight,
                                                   std::vector<Completion>& completions) override;
    bool deliver(std::size_t count) override;
    void want_kicks(bool wanted) override;
    void want_calls(bool wanted) override;

  private:
    using Position = virtio::PackedPosition;
    // A used descriptor of the back-end, and for how many completions it stands.
    struct Used {
        virtio::RingDescriptor descriptor;
        Position at;
        std::uint32_t slots{1};
        std::size_t completions{1};
    };
    struct Known {
        std::uint16_t id{0};
        std::uint32_t slots{1};
    };

    // How many chains of one id are looked through: a driver that keeps the rules has one.
    static constexpr std::size_t most_of_one_id = 64;

    void find_rest();
    [[nodiscard]] std::uint16_t find_unlisted(std::uint16_t id) const noexcept;
    void list(const virtio::RingDescriptor& descriptor, const ChainsInFlight& in_flight,
              std::vector<Completion>& completions);
    void add_completion(std::uint16_t key, std::uint32_t length, bool batched, std::vector<Completion>& completions);
    void publish(const Used& used);
    void mark(std::uint64_t address, std::uint64_t length) const noexcept;

    ShadowMemory::Parts shadow_;
    const DirtyLogWriter& log_;
    bool in_order_;
    bool log_on_{false};
    virtio::PackedRingLayout layout_;
    std::shared_ptr<const GuestMappings> mappings_;
    PackedRingMemory driver_;
    PackedRingMemory back_end_;

    Position next_offer_;    // to take from the driver
    Position given_;         // the back-end may see what is before
    std::uint16_t held_{0};  // flags of the first descriptor at given_, if something is taken
    Position looked_;        // for used descriptors of the back-end
    Position delivered_;     // the next used descriptor of the driver's ring
    BufferIds ids_;
    std::vector<Known> known_;  // by key
    std::vector<bool> listed_;  // by key: is among those looked for
    std::size_t listed_count_{0};
    std::deque<Used> used_;           // from delivered_ to looked_
    std::deque<std::uint16_t> keys_;  // of the completions that those stand for

    bool walked_{false};  // chain_ is that at next_offer_
    virtio::PackedChain chain_;
    std::vector<virtio::RingDescriptor> rest_;  // of it, behind what is wrong with it
};

}  // namespace vutrace::capture
