// What a replay found: counts, divergences, and how the back-end ended.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::replay {

struct Divergence {
    // The names are the JSON's.
    enum class Kind : std::uint8_t {
        reply,          // a reply with another payload, number of descriptors or flags
        reply_missing,  // no reply where the trace has one
        used_length,    // a chain was used with another length
        bytes,          // a chain was used with other bytes written
        status,         // a virtio-blk request ended with another status
        completion,     // a chain was not completed, or one that the device does not have
        ring,           // the queue could not be set up, or the device broke its rings
        translation,    // behind an IOMMU: a miss that the trace has no answer to, or an access that failed
    };
    std::uint64_t sequence{0};  // of the record or chain entry in the trace
    Kind kind{Kind::reply};
    std::uint16_t queue{0xffff};  // 0xffff where it belongs to none
    std::string subject;          // request name, or head of the chain
    std::string expected;
    std::string actual;
    std::vector<std::string>
        differences;  // of replies: a phrase for each field that differs, as far as there are names
};
[[nodiscard]] std::string_view name_of(Divergence::Kind kind) noexcept;

struct BackEndOutcome {
    enum class State : std::uint8_t {
        alive,         // still there when the replay was done
        exited,        // a spawned back-end ended by itself; `status`
        signalled,     // a spawned back-end was killed by `signal`
        hung,          // nothing happened for the timeout
        disconnected,  // closed the connection; how it ended is not known
    };
    State state{State::alive};
    std::optional<int> status;
    std::optional<int> signal;
    [[nodiscard]] bool died() const noexcept { return state != State::alive; }
};
[[nodiscard]] std::string_view name_of(BackEndOutcome::State state) noexcept;
[[nodiscard]] std::string describe(const BackEndOutcome& outcome);

// Why a recorded chain was not offered.
enum class SkipReason : std::uint8_t {
    not_credible,    // the trace does not vouch for it, and it points outside the guest's memory
    not_running,     // its queue was not started, or is broken
    ring_full,       // completions before it were lost in the capture
    no_descriptors,  // the trace has none of it, and its ring is packed
    device_holds,    // the device fills this queue's buffers by itself and still has the last one of that head
};
inline constexpr std::size_t skip_reason_count = 5;
// The end of the sentence "chains not sent: …".
[[nodiscard]] std::string_view describe(SkipReason reason) noexcept;

struct SkippedChains {
    std::uint64_t count{0};
    std::uint64_t first_sequence{0};
};

struct Report {
    std::uint64_t messages_sent{0};
    std::uint64_t replies_compared{0};
    std::uint64_t replies_diverged{0};
    std::uint64_t chains_submitted{0};
    std::uint64_t chains_completed{0};
    std::uint64_t chains_diverged{0};
    std::uint64_t chains_skipped{0};                       // not offered, in all
    std::array<SkippedChains, skip_reason_count> skipped;  // by SkipReason
    std::uint64_t completions_skipped{0};  // of chains that were not offered, or whose start is not in the trace
    // Completions of buffers that the device fills by itself (packets, input) and did not fill this time.
    std::uint64_t chains_not_filled{0};
    std::uint64_t chains_in_flight{0};  // offered, with no completion in the trace
    std::uint64_t chains_doubtful{0};   // differ from bytes that the trace itself does not vouch for
    std::uint64_t bytes_compared{0};
    std::uint64_t messages_skipped{0};       // of channels that are not replayed
    std::uint64_t translations_answered{0};  // misses of the back-end
    // Pages that it asked for in vain, of buffers that it fills by itself and did not fill in the trace.
    std::uint64_t translations_unknown{0};
    std::uint64_t divergence_count{0};
    std::vector<Divergence> divergences;  // the first `max_divergences`
    BackEndOutcome back_end;
    double seconds{0};

    static constexpr std::size_t max_divergences = 10'000;
    void add(Divergence divergence);
    void skip(SkipReason reason, std::uint64_t sequence);
};

// One JSON object, as docs/man/vutrace-replay.1 describes it.
[[nodiscard]] std::string to_json(const Report& report);
// A few lines for people, ending with a newline.
[[nodiscard]] std::string to_text(const Report& report);

}  // namespace vutrace::replay
