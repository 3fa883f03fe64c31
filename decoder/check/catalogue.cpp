#include "rule.h"

#include <algorithm>
#include <cctype>

namespace vutrace::check {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char left, unsigned char right) {
        return std::toupper(left) == std::toupper(right);
    });
}

bool is_number(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// "17" is VU017.
bool is_number_of(std::string_view number, std::string_view id) noexcept {
    if (!is_number(number) || !id.starts_with("VU")) {
        return false;
    }
    const auto digits = [](std::string_view text) {
        text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
        return text;
    };
    return digits(number) == digits(id.substr(2));
}

}  // namespace

std::span<const RuleRows> all_rows() noexcept {
    static const std::array sections{
        framing_rules(),
        negotiated_feature_rules(),
        negotiation_order_rules(),
        negotiated_device_rules(),
        memory_rules(),
        memory_use_rules(),
        memory_answer_rules(),
        vring_setup_rules(),
        vring_start_rules(),
        vring_stop_rules(),
        vring_state_rules(),
        vring_channel_rules(),
        driver_offer_rules(),
        driver_chain_rules(),
        driver_notification_rules(),
        device_used_rules(),
        device_completion_rules(),
        dirty_log_rules(),
        inflight_area_rules(),
        shared_memory_rules(),
        block_request_rules(),
        request_rules(),
        stall_channel_rules(),
        stall_ring_rules(),
        stall_deadlock_rules(),
    };
    return sections;
}

const std::vector<RuleInfo>& rules() {
    static const std::vector<RuleInfo> all = [] {
        std::vector<RuleInfo> infos;
        for (const RuleRows section : all_rows()) {
            for (const RuleRow& row : section) {
                infos.push_back(row.info);
            }
        }
        return infos;
    }();
    return all;
}

bool is_stall_verdict(const RuleInfo& rule) noexcept {
    return rule.id.starts_with("STALL");
}

const RuleInfo* find_rule(std::string_view id) noexcept {
    for (const RuleRows section : all_rows()) {
        for (const RuleRow& row : section) {
            if (equal_ignoring_case(row.info.id, id) || is_number_of(id, row.info.id)) {
                return &row.info;
            }
        }
    }
    return nullptr;
}

std::string_view name_of(Severity severity) noexcept {
    constexpr std::array<std::string_view, 3> names{"info", "warn", "error"};
    const auto index = static_cast<std::size_t>(severity);
    return index < names.size() ? names[index] : "unknown";
}

std::string_view name_of(Violator violator) noexcept {
    constexpr std::array<std::string_view, 6> names{"either", "front-end", "back-end", "driver", "device", "recorder"};
    const auto index = static_cast<std::size_t>(violator);
    return index < names.size() ? names[index] : "unknown";
}

std::optional<Severity> find_severity(std::string_view name) noexcept {
    for (const Severity severity : {Severity::info, Severity::warning, Severity::error}) {
        if (name_of(severity) == name) {
            return severity;
        }
    }
    return name == "warning" ? std::optional(Severity::warning) : std::nullopt;
}

}  // namespace vutrace::check
