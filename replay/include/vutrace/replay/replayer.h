// Walks a recorded session and does again what its front-end and driver did, comparing what the back-end does.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/emulated_front_end.h>
#include <vutrace/replay/preview.h>
#include <vutrace/replay/report.h>
#include <vutrace/trace/reader.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace vutrace::replay {

struct ReplayOptions {
    // Recorded time between two steps is multiplied by it; 0: as fast as the order allows.
    double time_scale{1.0};
    std::chrono::milliseconds timeout{10'000};  // without any progress: the back-end is hung
    bool stop_on_divergence{false};
    Observer* observer{nullptr};  // sees the replay itself; may be null
    Progress progress;            // may be empty
};

// Order keeps causality: a message or chain goes out only after every reply and every completion that came before it
// in the trace. Chains offered one after the other go out together, with one kick. One thread, one use.
class Replayer {
  public:
    Replayer(Connection connection, const TracePreview& preview, ReplayOptions options);

    // Replays the session of the preview from this trace. A back-end that closes, hangs or breaks its rings is in the
    // report, not an error. Errors: those of trace::Reader; system (memory, descriptors).
    [[nodiscard]] Result<Report> run(const std::string& path);

  private:
    struct Offer {
        std::uint64_t sequence{0};
        bool device_fills{false};  // only writable buffers: it is used when the device has something to tell
    };
    struct QueueReplay {
        bool broken{false};
        bool waits_for_device{false};  // the device did not fill a buffer in time: the next ones are not waited for
        bool incomplete{false};        // chains were lost or skipped: its ring position cannot be compared
        std::multimap<std::uint16_t, Completion> completed;  // by head, not met in the trace yet
        std::multimap<std::uint16_t, Offer> offered;         // by head, until met as used
    };

    [[nodiscard]] Status take(const trace::Record& record);
    [[nodiscard]] Status take_message(const trace::Record& record, const trace::MessageRecord& message);
    [[nodiscard]] Status send_message(const trace::Record& record, const trace::MessageRecord& message);
    [[nodiscard]] Status expect_reply(std::uint64_t sequence, const trace::MessageRecord& message);
    [[nodiscard]] Status take_chain(const trace::Record& record, const trace::ChainRecord& chain);
    [[nodiscard]] Status offer(std::uint64_t sequence, std::uint16_t queue, const trace::ChainEntry& entry);
    [[nodiscard]] Status expect_used(std::uint64_t sequence, std::uint16_t queue, const trace::ChainEntry& entry);
    [[nodiscard]] Status take_event(const trace::EventRecord& event);
    [[nodiscard]] Status take_session(const trace::SessionRecord& session);
    void compare(std::uint64_t sequence, std::uint16_t queue, const trace::ChainEntry& entry,
                 const Completion& completion);

    [[nodiscard]] Status pace(std::int64_t time);
    [[nodiscard]] Status publish_all();
    // Waits until `done()` holds. Errors: timeout (nothing happened for so long), peer_closed, system.
    [[nodiscard]] Status wait_until(const std::function<bool()>& done, std::chrono::milliseconds patience);
    [[nodiscard]] Status settle();
    [[nodiscard]] std::uint64_t count_unanswered() const;
    [[nodiscard]] Status wait_for_event(Deadline deadline);
    std::size_t collect();  // completions of all queues
    [[nodiscard]] bool enable_calls();
    void forget_stopped_queues();
    void queue_broke(std::uint16_t queue, const Error& error);
    [[nodiscard]] bool position_uncertain(const protocol::Header& header, ByteView payload);
    [[nodiscard]] std::vector<AddressRange> live_ranges();
    void judge_translations();
    [[nodiscard]] bool device_may_fill(const TranslationService::Complaint& complaint);
    void diverge(Divergence divergence, std::uint64_t sequence, std::uint16_t queue, std::string subject);
    [[nodiscard]] bool ends_the_replay(const Error& error);

    EmulatedFrontEnd front_end_;
    const TracePreview& preview_;
    ReplayOptions options_;
    Report report_;
    std::map<std::uint16_t, QueueReplay> queues_;
    std::set<std::uint64_t> unknown_pages_;  // of buffers that the device fills by itself; the first so many
    std::uint64_t sequence_{0};              // of the record at hand
    std::optional<std::int64_t> first_time_;
    Deadline started_;
    bool ended_{false};
    bool half_closed_{false};
};

// What a kernel timer can keep apart; shorter waits are left out.
inline constexpr std::chrono::microseconds shortest_pause{50};

}  // namespace vutrace::replay
