// What the two sides of a session wait for on its channels. Shared by the rules on answers and by the stall verdicts.
#pragma once

#include "rule.h"

#include <cstdint>
#include <deque>
#include <optional>

namespace vutrace::check {

// What is younger may be on its way: answers take microseconds, those of back-ends that wait for a disk some
// milliseconds. A session whose answers took longer is given ten times its slowest.
class Patience {
  public:
    void message(const MessageSight& sight);
    [[nodiscard]] std::int64_t limit() const noexcept;  // nanoseconds, one second at least
    [[nodiscard]] std::int64_t slowest() const noexcept { return slowest_; }

  private:
    std::int64_t slowest_{0};
};

// Address translations that the back-end asked for and did not get. Source: QEMU docs/interop/vhost-user.rst, "IOMMU
// support": a miss is answered by an update on the main channel. Nobody waits for one any more when no ring runs, after
// a reset, or without ACCESS_PLATFORM.
class Misses {
  public:
    struct Miss {
        std::uint64_t address{0};
        std::uint64_t sequence{0};
        std::int64_t time{0};
    };
    void message(const MessageSight& sight);
    [[nodiscard]] const Miss* oldest() const noexcept { return open_.empty() ? nullptr : &open_.front(); }
    // The oldest that the back-end asked for after its last answer on the main channel; null where none is.
    [[nodiscard]] const Miss* oldest_since_answer() const noexcept;
    [[nodiscard]] std::uint64_t last_answer() const noexcept { return last_answer_; }

  private:
    static constexpr std::size_t most = 64;
    std::deque<Miss> open_;         // bounded: most
    std::uint64_t last_answer_{0};  // sequence number, of the main channel; 0: none
};

// The oldest request of a channel that waits for its answer; null where none does.
[[nodiscard]] const explain::Request* oldest_due(const EndSight& sight, Channel channel) noexcept;

// What each channel waits for, where both do: on its own the back-end waits for an answer, for a translation, or both.
struct Deadlock {
    const explain::Request* main{nullptr};
    const explain::Request* back_end{nullptr};
    const Misses::Miss* miss{nullptr};
    // The back-end has answered nothing since it began to wait. Otherwise it can answer while it waits, and may owe
    // this answer for another reason.
    bool sure{false};
};
// `limit`: how old (nanoseconds) both waits must be.
[[nodiscard]] std::optional<Deadlock> find_deadlock(const EndSight& sight, const Misses& misses,
                                                    std::int64_t limit) noexcept;

}  // namespace vutrace::check
