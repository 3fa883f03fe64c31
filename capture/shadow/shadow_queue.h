// One queue in mode `shadow`: moves chains from the driver's ring to the back-end's and completions back, each after it
// was recorded. What is recorded is `verified`: nobody but us can tell the driver that a chain was used, or the
// back-end that one is there.
//
// Back-pressure: while the recorder's queue has no room, chains wait, for at most `patience`. Where it has none then,
// or the trace cannot be written, they are moved on and the recorder counts them as lost.
//
// One thread, the session's.
#pragma once

#include "../buffer_copier.h"
#include "../chain_batch.h"
#include "../chains_in_flight.h"
#include "shadow_rings.h"

#include <vutrace/capture/recorder.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::capture {

class ShadowQueue {
  public:
    static constexpr std::chrono::milliseconds usual_patience{1000};

    struct Options {
        std::uint32_t session{0};
        std::uint16_t queue{0};
        MemoryMode memory{MemoryMode::buffers};
        std::uint64_t snap_length{UINT64_MAX};
        bool in_order{false};
        bool notify_on_empty{false};
        std::chrono::milliseconds patience{usual_patience};
        // Called with each range of guest memory whose content went into a record; may be empty.
        RecordedRange recorded;
    };
    // Both outlive the object. `rings` stands at its beginning.
    ShadowQueue(Options options, Recorder& recorder, ShadowRings& rings);

    // Records the chains that the back-end has taken in an earlier life as available. Gives how many.
    std::size_t take_over();

    struct Progress {
        bool offers{false};       // from the driver
        bool completions{false};  // from the back-end
        bool more{false};         // stopped at a bound: again, soon
        bool waits{false};        // for room in the recorder's queue: again, later
        bool kick{false};         // the back-end wants to be notified
        bool call{false};         // the driver does
        [[nodiscard]] bool found() const noexcept { return offers || completions; }
    };
    // Moves what is there, at most one record each way. Never fails.
    Progress serve();
    // For the last time, when the back-end has stopped: moves all completions, without waiting for the recorder; those
    // that are left after `longest` are delivered and counted as lost. What the driver offers is for whoever serves
    // the queue next.
    Progress finish(std::chrono::milliseconds longest);

    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.count(); }

  private:
    using Clock = std::chrono::steady_clock;

    // How long the chains of one direction wait for room in the recorder's queue.
    struct Patience {
        std::optional<Clock::time_point> waiting_since;
        bool over{false};
    };

    void move_offers(Progress& progress);
    void collect_offers();
    void add_offer(const ShadowRings::Offer& offer);
    void move_completions(Progress& progress);
    void deliver_unrecorded(Progress& progress);
    [[nodiscard]] bool is_empty() const noexcept;
    [[nodiscard]] bool look_for_completions();
    void collect_completions();
    bool add_completion(const ShadowRings::Completion& completion);
    void add_unseen(const ShadowRings::Completion& completion);
    void settle(trace::ChainEntry& entry, ChainBatch& batch);

    [[nodiscard]] bool may_record(const ChainBatch& batch, Patience& patience) const;
    void flush(ChainBatch& batch);
    void lose(std::uint64_t chains, std::uint64_t completions, std::string reason);

    Options options_;
    Recorder& recorder_;
    ShadowRings& rings_;
    std::uint32_t size_;
    BufferCopier copier_;
    ChainsInFlight in_flight_;

    ChainBatch offers_;  // taken and not given yet
    ChainBatch used_;    // collected and not delivered yet
    std::vector<ShadowRings::Completion> completions_;
    std::size_t collected_{0};  // of these
    std::size_t delivered_{0};
    bool full_{false};  // a batch was full before all was taken

    Patience offers_patience_;
    Patience used_patience_;
    bool ending_{false};
    bool said_used_id_{false};
};

}  // namespace vutrace::capture
