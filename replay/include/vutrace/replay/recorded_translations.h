// What a trace tells of the IOMMU behind a session: the IOTLB messages of its front-end in their order, and what its
// back-end asked for in vain.
#pragma once

#include <vutrace/protocol/payloads.h>
#include <vutrace/virtio/iotlb.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace vutrace::replay {

// Filled once, in the order of the trace, then only asked.
class RecordedTranslations {
  public:
    static constexpr std::size_t most_entries = 1U << 20U;  // later ones are not kept
    static constexpr std::size_t most_scanned = 1U << 16U;  // of them each way, for one answer
    static constexpr std::size_t most_questions = 1U << 16U;

    struct Entry {
        enum class Kind : std::uint8_t {
            update,
            invalidate,
            age,  // a queue stopped, or a reset: devices may ask again (virtio::Iotlb::age)
        };
        std::uint64_t sequence{0};  // of its record
        Kind kind{Kind::update};
        bool wants_answer{false};
        protocol::Iotlb message;
    };

    void add(const Entry& entry);
    // The recorded back-end sent this (a miss, or an access that failed).
    void asked(std::uint64_t sequence, const protocol::Iotlb& question);
    // Did it ask the same, as far as the page goes, and got no answer either?
    [[nodiscard]] bool was_asked_in_vain(const protocol::Iotlb& question) const;

    // The recorded update by which to answer a device that asks for `address` when the record `position` is at hand.
    // It asks at other times and in another order than the recorded one, so this may be an update of before, whose
    // answer it forgot, or one that is still to come. Null where none tells what the address is at that time: it was
    // invalidated, or will be before the trace tells of it.
    [[nodiscard]] const Entry* find(std::uint64_t position, std::uint64_t address,
                                    virtio::Access needed) const noexcept;

  private:
    using Entries = std::vector<Entry>;
    Entries entries_;
    std::map<std::pair<std::uint8_t, std::uint64_t>, std::uint64_t> questions_;  // type and page: the last one's record
};

// The page around an address, as IOMMUs have them at the least.
[[nodiscard]] constexpr std::uint64_t page_of(std::uint64_t address) noexcept {
    return address & ~std::uint64_t{0xfff};
}

}  // namespace vutrace::replay
