// What a trace shows of broken rules: the catalogue of rules, and findings.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::check {

// Ordered: the worst is the greatest.
enum class Severity : std::uint8_t {
    info,     // a habit worth knowing, no fault
    warning,  // suspicious, or broken knowingly by a peer in wide use
    error,    // conforming peers never do it
};
enum class Violator : std::uint8_t { either, front_end, back_end, driver, device, recorder };

// As `check --json` spells them: "error", "warn", "info"; "front-end", …
[[nodiscard]] std::string_view name_of(Severity severity) noexcept;
[[nodiscard]] std::string_view name_of(Violator violator) noexcept;
[[nodiscard]] std::optional<Severity> find_severity(std::string_view name) noexcept;

struct RuleInfo {
    std::string_view id;           // "VU017"; never reused for another rule
    Severity severity;             // the usual one: a finding may be milder
    Violator violator;             // who breaks it; `either` where the finding says who
    std::string_view rule;         // what holds, one sentence
    std::string_view section;      // where the specification says so
    std::string_view explanation;  // why it matters, who breaks it knowingly, what to look for; some sentences
    std::string_view unseen;       // why no trace can show it; empty where it is checked
};

// Every rule, by section, in the order of their numbers; the stall verdicts are the last.
[[nodiscard]] const std::vector<RuleInfo>& rules();
// By id, any case ("vu017"), also by the number alone ("17"). Null where there is none.
[[nodiscard]] const RuleInfo* find_rule(std::string_view id) noexcept;

// Whether it says that somebody waits for what never comes.
[[nodiscard]] bool is_stall_verdict(const RuleInfo& rule) noexcept;

struct Finding {
    const RuleInfo* rule{nullptr};
    Severity severity{Severity::error};
    Violator violator{Violator::either};  // never `either`, except where the trace does not tell
    std::uint32_t session{0};
    std::uint64_t sequence{0};           // the record that shows it
    std::int64_t time{0};                // of that record, nanoseconds since the epoch
    std::optional<std::uint32_t> queue;  // where it belongs to one
    std::string text;                    // what was seen, with the values; one sentence
};

}  // namespace vutrace::check
