// States along a trace to go on from: a reader's position each, with a copy of what was known there.
#pragma once

#include <vutrace/trace/reader.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <unordered_set>
#include <utility>

namespace vutrace::session {

// When a checkpoint is kept. The defaults re-read at most 32 Ki records or 32 MiB for a query, as long as the
// checkpoints need no more than `storage` bytes beyond the last state; beyond that, or beyond `count`, every second one
// is given up and the intervals double.
struct CheckpointPolicy {
    std::uint64_t records{32768};
    std::uint64_t bytes{32U << 20U};
    std::size_t count{1024};
    std::uint64_t storage{256U << 20U};
};

// `State` is copyable and tells what a copy costs: `resident_bytes(seen)`, without what is in `seen` already, to which
// it is added. One thread at a time; what was given out stays valid and unchanged.
template <class State>
class Checkpoints {
  public:
    struct Checkpoint {
        trace::Position position;  // of the first record that `state` has not taken in
        std::shared_ptr<const State> state;
    };

    // `first` is the trace's beginning, and is never given up.
    Checkpoints(CheckpointPolicy policy, const trace::Position& first, const State& state) : policy_(policy) {
        kept_.push_back({first, std::make_shared<const State>(state)});
    }

    // For every record in order, with the state after it: keeps a copy where one is due.
    void offer(const trace::Position& now, const State& state) {
        const trace::Position& last = kept_.back().position;
        if (now.next_sequence - last.next_sequence < policy_.records && now.offset - last.offset < policy_.bytes) {
            return;
        }
        kept_.push_back({now, std::make_shared<const State>(state)});
        thin_out(state);
    }

    // The last one at or before record `sequence`, so that the record is still to be taken in.
    [[nodiscard]] const Checkpoint& before(std::uint64_t sequence) const noexcept {
        return *std::prev(first_after(std::max<std::uint64_t>(sequence, 1)));
    }
    // The first one behind record `sequence`; null where there is none.
    [[nodiscard]] const Checkpoint* behind(std::uint64_t sequence) const noexcept {
        const auto found = first_after(sequence);
        return found == kept_.end() ? nullptr : &*found;
    }
    [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

  private:
    static constexpr std::size_t between_measures = 8;

    [[nodiscard]] auto first_after(std::uint64_t sequence) const noexcept {
        return std::partition_point(kept_.begin(), kept_.end(), [&](const Checkpoint& checkpoint) {
            return checkpoint.position.next_sequence <= sequence;
        });
    }

    [[nodiscard]] bool too_many(const State& current) const {
        if (kept_.size() > policy_.count || kept_.size() % between_measures != 0) {
            return kept_.size() > policy_.count;
        }
        std::unordered_set<const void*> seen;
        (void)current.resident_bytes(seen);
        std::uint64_t storage = 0;
        for (const Checkpoint& checkpoint : kept_) {
            storage += checkpoint.state->resident_bytes(seen);
        }
        return storage > policy_.storage;
    }

    void thin_out(const State& current) {
        if (!too_many(current) || kept_.size() < 3) {
            return;
        }
        std::deque<Checkpoint> kept;
        for (std::size_t i = 0; i < kept_.size(); i += 2) {
            kept.push_back(std::move(kept_[i]));
        }
        kept_ = std::move(kept);
        policy_.records = policy_.records > UINT64_MAX / 2 ? UINT64_MAX : policy_.records * 2;
        policy_.bytes = policy_.bytes > UINT64_MAX / 2 ? UINT64_MAX : policy_.bytes * 2;
    }

    CheckpointPolicy policy_;
    std::deque<Checkpoint> kept_;  // by position, never empty
};

}  // namespace vutrace::session
