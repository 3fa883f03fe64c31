// Findings and rules of decoder/check: JSON for programs, text for people.
#pragma once

#include <vutrace/check/finding.h>
#include <vutrace/render/style.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace vutrace::render {

// Each appends one object and a newline. Names and formats are fixed: docs/man/vutrace-check.1.scd lists them.
void append_finding_json(std::string& out, const check::Finding& finding);
void append_rule_json(std::string& out, const check::RuleInfo& rule);

// "VU017  error  front-end  SET_FEATURES is …" and a newline.
void append_rule_line(std::string& out, const check::RuleInfo& rule, const Style& style);
// Everything that is known of a rule, in paragraphs of `width` columns.
[[nodiscard]] std::string rule_text(const check::RuleInfo& rule, const Style& style, std::size_t width = 80);

// How many findings of each severity there were, and in how many sessions.
class FindingCounts {
  public:
    void add(const check::Finding& finding);
    // An error or a warning.
    [[nodiscard]] bool serious() const noexcept;
    // "3 errors, 1 warning, 2 notes in 2 sessions", or "no findings".
    [[nodiscard]] std::string text() const;

  private:
    [[nodiscard]] std::uint64_t of(check::Severity severity) const noexcept;
    std::array<std::uint64_t, 3> counts_{};  // by severity
    std::set<std::uint32_t> sessions_;
};

// One line a finding, in the order of the records. Of what repeats (the same rule and severity in the same session and
// queue) the first few only, so that memory is bounded by the kinds of findings and not by their number.
class FindingText {
  public:
    static constexpr std::size_t shown_repeats = 3;

    explicit FindingText(bool colour) noexcept : style_(colour) {}
    // Time that the lines count from: that of the trace's first record.
    void set_start(std::int64_t time) noexcept { start_ = time; }
    void add(const check::Finding& finding);
    [[nodiscard]] std::string text() const;

  private:
    using Key = std::tuple<const check::RuleInfo*, check::Severity, std::uint32_t, std::optional<std::uint32_t>>;
    struct Group {
        std::uint64_t count{0};
        std::size_t last_shown{0};  // in `shown_`
    };
    void append_line(std::string& out, const check::Finding& finding) const;

    Style style_;
    std::int64_t start_{0};
    std::vector<check::Finding> shown_;
    std::map<Key, Group> groups_;
};

}  // namespace vutrace::render
