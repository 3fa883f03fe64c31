// What the rules on negotiation share.
#pragma once

#include "evidence.h"
#include "rule.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>

#include <fmt/ranges.h>

#include <cstdint>
#include <optional>
#include <string>

namespace vutrace::check {

// The payload of a message whose payload is one number; empty where it is cut or too short.
[[nodiscard]] inline std::optional<std::uint64_t> number_of(const MessageSight& sight) {
    const auto value = protocol::parse_u64(sight.payload);
    return sight.whole && value ? std::optional(*value) : std::nullopt;
}

[[nodiscard]] inline std::string feature_list(std::uint64_t mask, std::uint32_t device) {
    return fmt::format("{}", fmt::join(protocol::feature_names(mask, device), ", "));
}
[[nodiscard]] inline std::string protocol_feature_list(std::uint64_t mask) {
    return fmt::format("{}", fmt::join(protocol::protocol_feature_names(mask), ", "));
}
[[nodiscard]] constexpr std::uint64_t bit(unsigned number) noexcept {
    return std::uint64_t{1} << number;
}

// A rule for which it matters that the trace has every message since the session began.
class RuleOnHistory : public Rule {
  public:
    void other(const Sight& sight) override { seen_.other(sight); }

  protected:
    [[nodiscard]] bool all_seen(const Sight& sight) const noexcept { return seen_.all(sight.after); }
    // Whether the protocol features in `sight.before` are what was agreed on.
    [[nodiscard]] bool protocol_features_known(const MessageSight& sight) noexcept {
        agreed_ = agreed_ || sight.asks(protocol::FrontEndRequest::SET_PROTOCOL_FEATURES);
        return agreed_ || all_seen(sight);
    }
    void report_as(Severity severity, Finding finding) const {
        finding.severity = severity;
        report(std::move(finding));
    }
    using Rule::report;

  private:
    MessagesSeen seen_;
    bool agreed_{false};
};
inline constexpr Wants wants_history = wants_messages | wants_others;

// The first queue that is started; empty where none is.
[[nodiscard]] inline std::optional<std::uint32_t> a_started_queue(const session::DeviceState& state) {
    for (const auto& [number, queue] : state.queues()) {
        if (queue.started) {
            return number;
        }
    }
    return std::nullopt;
}

}  // namespace vutrace::check
