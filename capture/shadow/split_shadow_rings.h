// ShadowRings for split rings.
#pragma once

#include "../live_ring.h"
#include "dirty_log_writer.h"
#include "shadow_memory.h"
#include "shadow_rings.h"
#include "split_ring_memory.h"

#include <optional>

namespace vutrace::capture {

class SplitShadowRings final : public ShadowRings {
  public:
    // `shadow` and the log's writer outlive the object.
    struct Features {
        bool event_index{false};
        bool in_order{false};
    };
    SplitShadowRings(ShadowMemory::Parts shadow, const DirtyLogWriter& log, Features features);

    bool place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) override;
    [[nodiscard]] virtio::RingLayout layout() const noexcept override { return layout_; }
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept override { return mappings_; }
    [[nodiscard]] std::vector<RingPart> parts() const override;
    void log(bool on, std::uint64_t address) noexcept override {
        log_on_ = on;
        log_address_ = address;
    }
    [[nodiscard]] std::uint32_t size() const noexcept { return layout_.size; }
    // The driver's indices now, for who decides where to start. Empty where they cannot be read.
    [[nodiscard]] std::optional<std::uint16_t> driver_used_index() const noexcept;
    [[nodiscard]] std::optional<std::uint16_t> driver_available_index() const noexcept;
    // Heads in the driver's available ring, [from, from + count): count is at most the queue's size.
    [[nodiscard]] std::vector<std::uint16_t> available_heads(std::uint16_t from, std::size_t count) const;

    // Where a back-end begins: up to `used` it has used what there was, and `next` is the first chain that it reads.
    // Those before it, as many as `in_flight` has heads, it has taken in an earlier life and not used.
    struct Beginning {
        std::uint16_t used{0};
        std::uint16_t next{0};
        std::vector<std::uint16_t> in_flight;
    };
    // Before the queue starts: our ring as that back-end must find it.
    void begin(const Beginning& beginning);

    [[nodiscard]] Status begin_after(const QueuePast& past) override;
    [[nodiscard]] bool next_earlier(Offer& offer) override;
    [[nodiscard]] std::uint32_t base_by_used() const noexcept override { return delivered_; }
    [[nodiscard]] trace::RingFields fields() const noexcept override;

    [[nodiscard]] std::size_t look_for_offers() override;
    [[nodiscard]] bool next_offer(Offer& offer) override;
    void take_offer() override;
    bool give() override;
    [[nodiscard]] std::size_t look_for_completions(const ChainsInFlight& in_flight,
                                                   std::vector<Completion>& completions) override;
    bool deliver(std::size_t count) override;
    void want_kicks(bool wanted) override;
    void want_calls(bool wanted) override;

  private:
    void mirror(const virtio::Chain& chain, std::uint16_t head);
    void mirror_table();
    bool publish_offers();
    bool publish_completions(ByteView elements, std::uint16_t index);
    void mark(std::uint64_t offset, std::uint64_t length) const noexcept;

    ShadowMemory::Parts shadow_;
    const DirtyLogWriter& log_;
    Features features_;
    bool log_on_{false};
    std::uint64_t log_address_{0};
    virtio::SplitRingLayout layout_;
    std::shared_ptr<const GuestMappings> mappings_;
    SplitRingMemory driver_;
    SplitRingMemory back_end_;

    std::uint16_t available_{0};   // of the driver, as last looked at
    std::uint16_t next_offer_{0};  // to take from the driver
    std::uint16_t given_{0};       // our available index
    std::uint16_t delivered_{0};   // the driver's used index
    bool kicks_wanted_{true};
    bool calls_wanted_{true};

    bool walked_{false};  // chain_ is that of next_offer_
    std::uint16_t head_{0};
    virtio::Chain chain_;
    Bytes elements_;  // raw, from delivered_ to looked_
    std::vector<UsedElement> expanded_;
    std::vector<std::uint16_t> earlier_;  // heads that `next_earlier` has not given, the last one first
};

}  // namespace vutrace::capture
