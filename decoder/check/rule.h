// What a rule is made of. A rule is one class that sees the records of one session and keeps what it must remember of
// them; its row, beside it, says what it is about.
#pragma once

#include "ring_watch.h"
#include "vutrace/check/finding.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/session/timeline.h>
#include <vutrace/trace/records.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace vutrace::check {

// A record in its session. `before` is what messages had agreed on before it, `after` the session with it.
struct Sight {
    const trace::Record& record;
    const explain::Annotation& annotation;
    const session::DeviceState& before;
    const session::SessionState& after;
    const RingWatch* rings{nullptr};  // before the record; before the entry for a chain's
};

// A message whose header was seen. Of a message in several records only the first, where `payload` is not `whole`.
struct MessageSight : Sight {
    const trace::MessageRecord& message;
    const explain::MessageAnnotation& what;
    const protocol::Header& header;
    ByteView payload;
    bool whole{true};

    [[nodiscard]] bool on_main() const noexcept { return message.channel == Channel::front_end; }
    // A request on the main channel, or its answer.
    [[nodiscard]] bool asks(protocol::FrontEndRequest request) const noexcept {
        return on_main() && what.asks && header.request == static_cast<std::uint32_t>(request);
    }
    [[nodiscard]] bool answers(protocol::FrontEndRequest request) const noexcept {
        return on_main() && !what.asks && header.request == static_cast<std::uint32_t>(request);
    }
};

// One entry of a chain record.
struct ChainSight : Sight {
    const trace::ChainRecord& chain;
    const trace::ChainEntry& entry;
    const explain::EntryAnnotation& known;
    const Ring& ring;       // before the entry
    std::size_t number{0};  // of the entry in the record

    [[nodiscard]] bool used() const noexcept { return entry.state == trace::ChainEntry::State::used; }
    [[nodiscard]] std::uint64_t sequence() const noexcept { return record.sequence + number; }
    [[nodiscard]] std::int64_t time() const noexcept { return trace::time_of(record, number); }
};

// The end of a session or of the trace.
struct EndSight {
    const session::SessionState& state;
    const explain::Annotator& annotator;  // conversations
    std::uint64_t sequence{0};            // of the record that closed the session, or the trace's last
    std::int64_t time{0};
    bool closed{false};  // the session ended; otherwise the trace stops in its middle
    const RingWatch* rings{nullptr};
};

// What a rule wants to see: a set of bits. All see the end.
using Wants = std::uint8_t;
inline constexpr Wants wants_messages = 1;
inline constexpr Wants wants_chains = 2;
inline constexpr Wants wants_chain_records = 4;
inline constexpr Wants wants_others = 8;  // session, event, memory, gap and note records
// Messages that the end of their connection cut short, too: their header, and the descriptors they came with. Rules
// that judge a payload must not see them.
inline constexpr Wants wants_cut_messages = 16;
inline constexpr Wants wants_end = 0;

class Rule {
  public:
    Rule() = default;
    Rule(const Rule&) = delete;
    Rule& operator=(const Rule&) = delete;
    virtual ~Rule() = default;

    virtual void message(const MessageSight& /*sight*/) {}
    virtual void chain(const ChainSight& /*sight*/) {}
    virtual void chain_record(const Sight& /*sight*/, const trace::ChainRecord& /*chain*/) {}  // after its entries
    virtual void other(const Sight& /*sight*/) {}
    virtual void end(const EndSight& /*sight*/) {}

    using Sink = std::function<void(Finding)>;
    void bind(const RuleInfo& info, const Sink& sink, std::uint32_t session) noexcept {
        info_ = &info;
        sink_ = &sink;
        session_ = session;
    }

  protected:
    // A finding with what the rule's row says; the caller changes what is different before it reports it.
    [[nodiscard]] Finding finding(std::uint64_t sequence, std::int64_t time, std::string text) const;
    [[nodiscard]] Finding finding(const Sight& sight, std::string text) const;
    [[nodiscard]] Finding finding(const ChainSight& sight, std::string text) const;
    // Of a message: about the queue it names, and by its sender where the row leaves that open.
    [[nodiscard]] Finding finding(const MessageSight& sight, std::string text) const;
    void report(Finding finding) const { (*sink_)(std::move(finding)); }
    // The usual case: as the row says.
    template <class AnySight>
    void report(const AnySight& sight, std::string text) const {
        report(finding(sight, std::move(text)));
    }

  private:
    const RuleInfo* info_{nullptr};
    const Sink* sink_{nullptr};
    std::uint32_t session_{0};
};

// A rule's row: what it is about, and how to make one for a session. Null where no trace shows it.
struct RuleRow {
    RuleInfo info;
    std::unique_ptr<Rule> (*make)(){nullptr};
    Wants wants{0};
};
using RuleRows = std::span<const RuleRow>;

template <class Unit>
std::unique_ptr<Rule> make_rule() {
    return std::make_unique<Unit>();
}

// A rule on single messages that remembers nothing.
using MessageCheck = std::optional<std::string> (*)(const MessageSight& sight);
template <MessageCheck check>
class MessageRule final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (auto text = check(sight)) {
            report(sight, std::move(*text));
        }
    }
};

// One span for each section of the catalogue; `all_rows` has them in the order of the numbers.
[[nodiscard]] RuleRows framing_rules() noexcept;
[[nodiscard]] RuleRows negotiated_feature_rules() noexcept;   // VU017 - VU024
[[nodiscard]] RuleRows negotiation_order_rules() noexcept;    // VU025 - VU029
[[nodiscard]] RuleRows negotiated_device_rules() noexcept;    // VU030 - VU036
[[nodiscard]] RuleRows memory_rules() noexcept;               // VU037 - VU041
[[nodiscard]] RuleRows memory_use_rules() noexcept;           // VU042, VU043
[[nodiscard]] RuleRows memory_answer_rules() noexcept;        // VU044, VU045
[[nodiscard]] RuleRows vring_setup_rules() noexcept;          // VU046 - VU050
[[nodiscard]] RuleRows vring_start_rules() noexcept;          // VU051 - VU053
[[nodiscard]] RuleRows vring_stop_rules() noexcept;           // VU054 - VU057
[[nodiscard]] RuleRows vring_state_rules() noexcept;          // VU058 - VU062
[[nodiscard]] RuleRows vring_channel_rules() noexcept;        // VU063 - VU068
[[nodiscard]] RuleRows driver_offer_rules() noexcept;         // VU069, VU070
[[nodiscard]] RuleRows driver_chain_rules() noexcept;         // VU071 - VU079
[[nodiscard]] RuleRows driver_notification_rules() noexcept;  // VU080 - VU083
[[nodiscard]] RuleRows device_used_rules() noexcept;          // VU084 - VU089
[[nodiscard]] RuleRows device_completion_rules() noexcept;    // VU090 - VU095
[[nodiscard]] RuleRows dirty_log_rules() noexcept;            // VU096 - VU100
[[nodiscard]] RuleRows inflight_area_rules() noexcept;        // VU101, VU102
[[nodiscard]] RuleRows shared_memory_rules() noexcept;        // VU103 - VU106
[[nodiscard]] RuleRows block_request_rules() noexcept;        // VU107 - VU109
[[nodiscard]] RuleRows request_rules() noexcept;              // VU110 - VU120
[[nodiscard]] RuleRows stall_channel_rules() noexcept;        // STALL001, STALL002
[[nodiscard]] RuleRows stall_ring_rules() noexcept;           // STALL003, STALL004
[[nodiscard]] RuleRows stall_deadlock_rules() noexcept;       // STALL005
[[nodiscard]] std::span<const RuleRows> all_rows() noexcept;

}  // namespace vutrace::check
