// The steps of chains that a tap finds in one pass, on their way into a record: copies the bytes, remembers what is in
// flight, and keeps the proofs until they are judged. The same for both ring layouts: chains are told apart by a key
// below the queue size (the head; for a packed ring the place that its buffer id has).
//
// The proof. A chain belongs to the device from the moment it is available until it is used. So what was copied from
// its readable buffers is `verified` if it is still not used *after* the copy, otherwise `late`: the driver may have
// had the buffers back. What the device wrote belongs to the driver from then on; it is `verified` if after the copy
// the chain's head was not offered again and the driver still asked to be called for this completion: one that polls
// may use its buffers again at once. Who looks at the ring says what it saw afterwards.
//
// One thread, the session's.
#pragma once

#include "buffer_copier.h"
#include "chain_batch.h"
#include "chains_in_flight.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/session/device_state.h>
#include <vutrace/virtio/iotlb.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::capture {

struct RingTapOptions {
    std::uint32_t session{0};
    std::uint16_t queue{0};
    MemoryMode memory{MemoryMode::buffers};
    std::uint64_t snap_length{UINT64_MAX};
    bool event_index{false};
    bool in_order{false};
    // Is the ring looked at before its device begins? A tap beside the session may come later.
    bool looks_first{false};
    // Called with each range of guest memory whose content went into a record; may be empty.
    RecordedRange recorded;
    std::function<std::chrono::nanoseconds()> clock;  // monotonic; empty: the steady clock
    // Behind an IOMMU, null otherwise: where the addresses in descriptors lead at this moment. Outlives the tap.
    const session::DeviceState* translations{nullptr};
    // Have messages passed that `translations` does not know yet? May be empty: never.
    std::function<bool()> translations_stale;
};

class ChainSteps {
  public:
    static constexpr std::uint64_t most_bytes_per_scan = 16U << 20U;

    // Where a step was found: `head` and `index` as a trace has them.
    struct Step {
        std::uint16_t key{0};
        std::uint16_t head{0};
        std::uint16_t index{0};
    };

    ChainSteps(RingTapOptions options, Recorder& recorder);

    [[nodiscard]] const RingTapOptions& options() const noexcept { return options_; }
    [[nodiscard]] Recorder& recorder() noexcept { return recorder_; }
    [[nodiscard]] ChainsInFlight& in_flight() noexcept { return in_flight_; }
    [[nodiscard]] const ChainsInFlight& in_flight() const noexcept { return in_flight_; }
    void resize(std::uint32_t queue_size);  // forgets all
    void place(std::shared_ptr<const GuestMappings> mappings) { mappings_ = std::move(mappings); }
    // Guest memory by the addresses in descriptors, at this moment.
    [[nodiscard]] virtio::DescriptorMemory memory(const virtio::GuestMemory& physical,
                                                  virtio::Access needed) const noexcept {
        return {physical, space(), needed};
    }
    // Does everything that the device reads of the chain have a translation? Always without an IOMMU.
    [[nodiscard]] bool is_translated(const virtio::Chain& chain) const noexcept;

    void begin_scan() noexcept { bytes_copied_ = 0; }
    [[nodiscard]] std::uint64_t bytes_copied() const noexcept { return bytes_copied_; }
    [[nodiscard]] bool has_copied_enough() const noexcept { return bytes_copied_ >= most_bytes_per_scan; }
    void add_work(std::uint64_t bytes) noexcept { bytes_copied_ += bytes; }

    // Entries of this pass so far. Must such a chain wait for the next one?
    [[nodiscard]] std::size_t size() const noexcept { return batch_.size(); }
    [[nodiscard]] bool empty() const noexcept { return batch_.empty(); }
    [[nodiscard]] bool is_full_for(const virtio::Chain& chain) const noexcept {
        return batch_.is_full_for(chain.descriptors.size(), chain.readable_bytes);
    }
    [[nodiscard]] bool is_full() const noexcept { return batch_.is_full_for(0, 0); }

    // The chain became available. A key that is no key of the queue: it is recorded, and not remembered.
    void offer(Step step, const virtio::Chain& chain, const std::shared_ptr<const GuestMappings>& mappings);
    // The chain in flight under the key was used. `batched`: without an element of its own, completely written. False
    // where it must wait for the next record.
    [[nodiscard]] bool complete(Step step, std::uint32_t length, bool batched);
    // A chain was used whose offer was not seen.
    void complete_unseen(Step step, std::uint32_t length);

    // Everything offered in this pass was copied before it was seen that the chain with this key is used.
    void doubt_offer(std::uint32_t key) noexcept;
    // Ends the judging of offers. `known` false: it is not known which chains are used.
    void judge_offers(bool known) noexcept;
    // Calls `changed(entry)` for each offer of this pass, and doubts those for which it is true.
    template <class Changed>
    void doubt_offers_if(Changed changed) {
        for (std::size_t i = 0; i < batch_.size(); ++i) {
            trace::ChainEntry& entry = batch_.entry(i);
            if (entry.state == trace::ChainEntry::State::available && changed(entry)) {
                make_late(entry.proof);
            }
        }
    }
    // Everything completed in this pass was copied before the chain with this key was seen to be offered again.
    void doubt_completion(std::uint32_t key) noexcept;
    // Ends the judging of completions: `untouched(entry)` says whether the driver still waits for it.
    template <class Untouched>
    void judge_completions(Untouched untouched) {
        for (std::size_t i = 0; i < batch_.size(); ++i) {
            trace::ChainEntry& entry = batch_.entry(i);
            if (entry.state == trace::ChainEntry::State::used) {
                if (!untouched(entry)) {
                    make_late(entry.proof);
                }
                if (keys_[i] < completed_in_batch_.size()) {
                    completed_in_batch_[keys_[i]] = -1;
                }
            }
        }
    }

    // Hands the pass's entries over.
    void flush(const trace::RingFields& fields) noexcept;
    // `at_least`: more may have been lost.
    void lose(std::uint64_t chains, std::uint64_t completions, std::string reason, bool at_least);

  private:
    // Also what is there in part: that it may be of somebody else is the more important of the two.
    static void make_late(trace::Proof& proof) noexcept {
        if (proof != trace::Proof::absent) {
            proof = trace::Proof::late;
        }
    }
    [[nodiscard]] std::optional<virtio::IovaSpace> space() const noexcept {
        return options_.translations == nullptr ? std::nullopt : options_.translations->iova_space();
    }
    // Of the first `length` bytes that the device reads (or wrote).
    void tell(const std::vector<virtio::RingDescriptor>& buffers, bool writable, std::uint64_t length) const;
    trace::ChainEntry& add(Step step, trace::ChainEntry::State state);

    RingTapOptions options_;
    Recorder& recorder_;
    BufferCopier copier_;
    ChainBatch batch_;
    ChainsInFlight in_flight_;
    std::shared_ptr<const GuestMappings> mappings_;  // where the ring is
    std::uint64_t bytes_copied_{0};                  // in this scan

    std::vector<std::uint16_t> keys_;               // of the entries of this batch
    std::vector<std::int32_t> offered_in_batch_;    // by key: entry of this batch, or -1
    std::vector<std::int32_t> completed_in_batch_;  // by key
};

}  // namespace vutrace::capture
