// ShadowRings for split rings.
#pragma once

#include "dirty_log_writer.h"
#include "shadow_memory.h"
#include "shadow_rings.h"
#include "split_ring_memory.h"

#include <optional>

namespace vutrace::capture {

class SplitShadowRings final : public ShadowRings {
  public:
    // `shadow` and the log's writer outlive the object.
    SplitShadowRings(ShadowMemory::Parts shadow, const DirtyLogWriter& log, bool event_index);

    // Where the driver's ring is: at the start, and again when regions or addresses changed. False where it is not in
    // mapped memory that can be written: nothing moves until the next `place`.
    bool place(const virtio::SplitRingLayout& layout, std::shared_ptr<const GuestMappings> mappings);
    void log(bool on, std::uint64_t address) noexcept {
        log_on_ = on;
        log_address_ = address;
    }
    [[nodiscard]] const virtio::SplitRingLayout& layout() const noexcept { return layout_; }
    // The driver's used index now, for who decides where to start. Empty where it cannot be read.
    [[nodiscard]] std::optional<std::uint16_t> driver_used_index() const noexcept;
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

    [[nodiscard]] std::uint32_t size() const noexcept override { return layout_.size; }
    [[nodiscard]] bool placed() const noexcept override { return driver_.placed(); }
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept override { return mappings_; }
    [[nodiscard]] trace::RingFields fields() const noexcept override;

    [[nodiscard]] std::size_t look_for_offers() override;
    [[nodiscard]] bool next_offer(Offer& offer) override;
    void take_offer() override;
    bool give() override;
    [[nodiscard]] std::size_t look_for_completions(std::vector<UsedElement>& elements, std::uint16_t& index) override;
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
    bool event_index_;
    bool log_on_{false};
    std::uint64_t log_address_{0};
    virtio::SplitRingLayout layout_;
    std::shared_ptr<const GuestMappings> mappings_;
    SplitRingMemory driver_;
    SplitRingMemory back_end_;

    std::uint16_t available_{0};   // of the driver, as last looked at
    std::uint16_t next_offer_{0};  // to take from the driver
    std::uint16_t given_{0};       // our available index
    std::uint16_t looked_{0};      // of the back-end's used index, as last looked at
    std::uint16_t delivered_{0};   // the driver's used index
    bool kicks_wanted_{true};
    bool calls_wanted_{true};

    bool walked_{false};  // chain_ is that of next_offer_
    std::uint16_t head_{0};
    virtio::Chain chain_;
    Bytes elements_;  // raw, from delivered_ to looked_
};

}  // namespace vutrace::capture
