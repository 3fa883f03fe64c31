// Watches one started split queue: finds what driver and device did since the last look, copies the bytes, and says
// how sure it is of them.
//
// The proof. A chain belongs to the device from the moment it is available until the used index passes it. So what was
// copied from its readable buffers is `verified` if its head is still not used *after* the copy, otherwise `late`: the
// driver may have had the buffers back. What the device wrote belongs to the driver from then on; it is `verified` if
// after the copy the head was not offered again and the driver still asked to be called for this completion: one that
// polls may use its buffers again at once. Slots of both rings are checked in the same way: one that may have
// been overwritten while it was read is counted as lost and not shown.
//
// Losses. Indices are free-running 16-bit numbers, so what was missed is counted exactly as long as fewer than 65536
// chains pass between two looks. `gap` records count chains whose offer was missed in `chains`, and completions
// that were missed in `records`. Entries with the used state, no descriptors and no content are completions of chains
// whose offer was missed.
//
// One thread, the session's.
#pragma once

#include "buffer_copier.h"
#include "chain_batch.h"
#include "chains_in_flight.h"
#include "live_ring.h"

#include <vutrace/capture/recorder.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vutrace::capture {

class SplitRingTap {
  public:
    struct Options {
        std::uint32_t session{0};
        std::uint16_t queue{0};
        MemoryMode memory{MemoryMode::buffers};
        std::uint64_t snap_length{UINT64_MAX};
        bool event_index{false};
        bool in_order{false};
        // Called with each range of guest memory whose content went into a record; may be empty.
        RecordedRange recorded;
    };
    SplitRingTap(Options options, Recorder& recorder);

    // Where the ring is: at the start, and again when regions or addresses changed. Chains in flight keep what they
    // were found with. False where a ring part is not in mapped memory: nothing is seen until the next `place`.
    bool place(const virtio::SplitRingLayout& layout, std::shared_ptr<const GuestMappings> mappings);
    [[nodiscard]] const LiveRing& ring() const noexcept { return ring_; }
    [[nodiscard]] bool placed() const noexcept { return ring_.placed(); }
    [[nodiscard]] const virtio::SplitRingLayout& layout() const noexcept { return ring_.layout(); }
    // Begins at a base as SET_VRING_BASE gives it. `look` false: memory must not be touched yet (postcopy), so that
    // where the device stands is not known.
    void start(std::uint16_t base, bool look = true);

    struct ScanResult {
        std::size_t entries{0};
        std::uint64_t bytes{0};  // copied, and what as much work as copying was
        bool more{false};        // stopped at a bound: scan again soon
    };
    // Looks at everything new. Bounded: at most a queue's worth of chains, `most_bytes_per_scan` bytes and
    // `longest_scan` (a ring of noise makes work of each entry), plus what the last chain brings beyond. Never fails.
    ScanResult scan();
    static constexpr std::uint64_t most_bytes_per_scan = 16U << 20U;
    static constexpr std::chrono::milliseconds longest_scan{10};
    // The queue has ended: the scans that follow are the last, and its driver may already use the ring's memory for
    // something else. An index that is further ahead than it can be tells nothing then.
    void end() noexcept { ended_ = true; }
    // Counts as lost what a scan left over. Before the tap goes.
    void give_up();

    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.count(); }
    // By the last look at the ring: would the driver not kick (the device not call) for what it does next?
    [[nodiscard]] bool kicks_suppressed() const noexcept;
    [[nodiscard]] bool calls_suppressed() const noexcept;

  private:
    enum class Taken : std::uint8_t { all, some, blocked };  // blocked: the next head is still in flight

    std::size_t pass();
    void settle();
    bool sample(trace::RingFields& fields);

    Taken take_available(bool forced);
    Taken take_heads(bool forced);
    void add_available(std::uint16_t head);
    void judge_available();
    std::size_t overwritten_available(std::uint16_t first, const trace::RingFields& now) const noexcept;

    void take_used();
    bool fetch_used();
    bool add_used(const UsedElement& element);
    void add_unseen(const UsedElement& element);
    bool offer_waits(std::uint32_t head);
    [[nodiscard]] bool driver_waits_for(std::uint16_t used_index, const trace::RingFields& now) const noexcept;
    void judge_used();

    void ran_ahead(bool offers, std::size_t pending);
    void lose_offers(std::size_t chains, const char* reason);
    void lose_completions(std::size_t completions, const char* reason);
    void note_once(bool& said, std::string text);

    Options options_;
    Recorder& recorder_;
    LiveRing ring_;
    BufferCopier copier_;
    ChainBatch batch_;
    ChainsInFlight in_flight_;
    trace::RingFields fields_;  // as last read
    std::uint16_t next_available_{0};
    std::uint16_t next_used_{0};
    bool doubtful_{false};           // something was lost since all was last accounted for: a head may be used unseen
    std::uint64_t bytes_copied_{0};  // in this scan

    // Scratch of a pass.
    virtio::Chain chain_;
    std::vector<std::uint16_t> heads_;
    std::vector<UsedElement> elements_;
    std::vector<std::int32_t> offered_in_batch_;    // by head: entry of this batch, or -1
    std::vector<std::int32_t> completed_in_batch_;  // by head

    bool ended_{false};
    bool said_reused_{false};
    bool said_unreadable_{false};
    bool said_used_id_{false};
};

}  // namespace vutrace::capture
