// The taps of a session's started queues, kept in step with what the messages say. One thread, the session's.
#pragma once

#include "guest_mappings.h"
#include "poll_pacer.h"
#include "ring_tap.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/session/device_state.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace vutrace::capture {

class QueueTaps {
  public:
    // Of all queues of a session together, some tens of bytes each: 512 queues of 1024. A front-end may announce more
    // than it has memory for.
    static constexpr std::uint64_t most_ring_entries = 524288;

    using Recorded = std::function<void(std::uint64_t address, std::uint64_t length)>;

    // `threads`: so many of these share the session's queues.
    QueueTaps(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
              const session::DeviceState& state, Recorded recorded, unsigned threads = 1);

    void use(std::shared_ptr<const GuestMappings> mappings);  // after a last look by the old ones
    // Starts, places again or leaves alone, as the state says.
    void update(std::uint32_t queue);
    void update_all();
    // Behind an IOMMU: addresses are about to lead elsewhere; they do.
    void before_translations_change();
    void translations_changed();
    // See DataPath::follow_translations. Before the first tap.
    void follow_translations(std::function<bool()> stale) { translations_stale_ = std::move(stale); }
    // A queue that starts next begins there, whatever its messages say: somebody else had it until now.
    void begin_at(std::uint32_t queue, std::uint32_t base) { beginnings_.insert_or_assign(queue, base); }
    void end(std::uint32_t queue);  // after a last look
    void end_all();
    // While paused no ring is looked at: a page that is missing must not be touched.
    void pause(bool paused) noexcept { paused_ = paused; }
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }
    // Queues that somebody else looks at (mode `shadow`). May be empty.
    void leave_out(std::function<bool(std::uint32_t queue)> predicate) { left_out_ = std::move(predicate); }

    using Found = PollPacer::Found;
    Found scan(std::uint32_t queue);
    Found scan_all();
    Found scan_those_in_need();
    // Looks of RingTap::count at the queues of whose first chain nobody tells us: how often is enough; empty: not at
    // all.
    [[nodiscard]] std::optional<std::chrono::nanoseconds> count_every() const;
    void count_what_passes();
    // While notifications are muted nobody tells us of anything.
    void mute(bool muted) noexcept;
    [[nodiscard]] PollPacer::Need need() const;
    // Copied since the last call, by all taps.
    [[nodiscard]] std::uint64_t take_copied_bytes() noexcept { return std::exchange(copied_bytes_, 0); }

  private:
    struct Entry {
        std::unique_ptr<RingTap> tap;
        bool more{false};
    };
    using Clock = std::chrono::steady_clock;

    Found scan(Entry& entry);
    [[nodiscard]] bool is_polled(std::uint32_t queue, const RingTap& tap) const;
    void look_last(Entry& entry, Clock::time_point until);
    [[nodiscard]] PollPacer::Need need_of(std::uint32_t queue, const Entry& entry) const;
    void update(std::uint32_t queue, Entry& entry);
    [[nodiscard]] bool behind_iommu() const noexcept;
    void start(std::uint32_t queue, const virtio::RingLayout& layout);
    [[nodiscard]] std::unique_ptr<RingTap> make_tap(std::uint32_t queue, const virtio::RingLayout& layout);
    void place(std::uint32_t queue, RingTap& tap, const virtio::RingLayout& layout);
    [[nodiscard]] bool has_room_for(std::uint32_t queue, std::uint32_t size) const noexcept;
    void note(std::uint32_t queue, const char* text,
              trace::NoteRecord::Severity severity = trace::NoteRecord::Severity::warning);

    DataPathOptions options_;
    std::uint32_t session_;
    Recorder& recorder_;
    const session::DeviceState& state_;
    Recorded recorded_;
    std::uint64_t most_ring_entries_;
    std::function<bool(std::uint32_t queue)> left_out_;
    std::shared_ptr<const GuestMappings> mappings_;
    std::map<std::uint32_t, Entry> entries_;
    std::map<std::uint32_t, std::uint32_t> beginnings_;
    std::uint64_t copied_bytes_{0};
    bool paused_{false};
    bool muted_{false};
    std::function<bool()> translations_stale_;
    bool said_translated_{false};
};

}  // namespace vutrace::capture
