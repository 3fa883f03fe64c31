// The front-end's part of an IOMMU: answers the back-end's questions for translations by what the trace knows.
// Sources: QEMU docs/interop/vhost-user.rst, "IOMMU support"; as QEMU's front-end does it.
#pragma once

#include <vutrace/replay/connection.h>
#include <vutrace/replay/recorded_translations.h>
#include <vutrace/session/device_state.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace vutrace::replay {

// A miss is answered by an IOTLB update on the main channel, between the recorded messages and whether or not one of
// them is the same update. Its acknowledgement is taken out of the replies, so that nobody compares it. One thread;
// everything that it is given outlives it.
class TranslationService final : public BackEndRequestHandler {
  public:
    // A question that the trace cannot answer, or an access that failed.
    struct Complaint {
        bool access_failed{false};
        std::uint64_t address{0};  // IOVA
        virtio::Access needed{virtio::Access::none};
        bool operator==(const Complaint&) const = default;
    };
    static constexpr std::size_t most_postponed = 1024;
    static constexpr std::size_t most_complaints = 4096;  // at a time, and pages blamed; later ones are not kept

    TranslationService(Connection& connection, session::DeviceState& state, const RecordedTranslations& recorded)
        : connection_(connection), state_(state), recorded_(recorded) {}

    // The record at hand: see RecordedTranslations::find.
    void set_position(std::uint64_t sequence) noexcept { position_ = sequence; }
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    // Called before an update of ours takes effect and goes out.
    void set_before_update(std::function<void(const protocol::Iotlb&)> before_update) {
        before_update_ = std::move(before_update);
    }
    // A recorded message went out, or a piece of one (`header` empty: a later piece). Nothing of ours goes between.
    void sent(const std::optional<protocol::Header>& header, std::uint64_t bytes);

    [[nodiscard]] std::uint64_t serve(const Message& request) override;
    [[nodiscard]] bool takes(const Message& message) override;

    // Is there a translation of the address, now or later?
    [[nodiscard]] bool knows(std::uint64_t address, virtio::Access needed) const noexcept {
        return recorded_.find(position_, address, needed) != nullptr;
    }
    [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }
    // Those since the last call, each once; without those of which the recorded back-end said the same, and those about
    // a page that was blamed.
    [[nodiscard]] std::vector<Complaint> take_complaints();
    // What the complaint is about was reported: the page needs no second word about the same kind of access, until it
    // was translated meanwhile. False where that was so already.
    bool blame(const Complaint& complaint);

  private:
    bool answer_miss(const protocol::Iotlb& miss);
    void complain(const protocol::Iotlb& question);

    Connection& connection_;
    session::DeviceState& state_;
    const RecordedTranslations& recorded_;
    std::uint64_t position_{0};
    std::uint64_t unsent_{0};                 // bytes of the message on its way
    std::vector<protocol::Iotlb> postponed_;  // misses that came meanwhile
    std::deque<bool> unanswered_;  // IOTLB messages that want an answer, oldest first; true: not of the recorded ones
    std::uint64_t answered_{0};
    using Key = std::tuple<std::uint64_t, bool, virtio::Access>;  // page, `access_failed`, `needed`
    static Key key_of(const Complaint& complaint) noexcept {
        return {page_of(complaint.address), complaint.access_failed, complaint.needed};
    }
    std::vector<Complaint> complaints_;
    std::set<Key> blamed_;
    std::function<void(const protocol::Iotlb&)> before_update_;  // may be empty
};

}  // namespace vutrace::replay
