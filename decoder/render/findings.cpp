#include "json_writer.h"

#include <vutrace/base/count_text.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/render/findings.h>
#include <vutrace/render/phrases.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace vutrace::render {
namespace {

using check::Finding;
using check::RuleInfo;
using check::Severity;

Tone tone_of(Severity severity) noexcept {
    return severity == Severity::error ? Tone::bad : severity == Severity::warning ? Tone::doubtful : Tone::faint;
}

// Breaks at spaces; a word that is longer than the line stays whole.
void append_wrapped(std::string& out, std::string_view text, std::size_t width, std::string_view indent) {
    std::size_t column = 0;
    while (!text.empty()) {
        const std::size_t length = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, length);
        text.remove_prefix(std::min(length + 1, text.size()));
        if (column != 0 && column + 1 + word.size() > width) {
            out += '\n';
            column = 0;
        }
        out += column == 0 ? indent : " ";
        column += word.size() + (column == 0 ? indent.size() : 1);
        out += word;
    }
    out += '\n';
}

}  // namespace

void append_finding_json(std::string& out, const Finding& finding) {
    JsonWriter json(out);
    json.begin_object();
    json.key("rule").text(finding.rule->id);
    json.key("severity").text(check::name_of(finding.severity));
    json.key("violator").text(check::name_of(finding.violator));
    json.key("session").number(finding.session);
    json.key("seq").number(finding.sequence);
    json.key("time").signed_number(finding.time);
    if (finding.queue) {
        json.key("queue").number(*finding.queue);
    }
    json.key("text").text(finding.text);
    json.key("section").text(finding.rule->section);
    json.end_object();
    out += '\n';
}

void append_rule_json(std::string& out, const RuleInfo& rule) {
    JsonWriter json(out);
    json.begin_object();
    json.key("rule").text(rule.id);
    json.key("severity").text(check::name_of(rule.severity));
    json.key("violator").text(check::name_of(rule.violator));
    json.key("text").text(rule.rule);
    json.key("section").text(rule.section);
    json.key("explanation").text(rule.explanation);
    json.key("checked").boolean(rule.unseen.empty());
    if (!rule.unseen.empty()) {
        json.key("unseen").text(rule.unseen);
    }
    json.end_object();
    out += '\n';
}

void append_rule_line(std::string& out, const RuleInfo& rule, const Style& style) {
    style.append(out, Tone::name, fmt::format("{:<10}", rule.id));
    style.append(out, tone_of(rule.severity), fmt::format("{:<6}", check::name_of(rule.severity)));
    fmt::format_to(std::back_inserter(out), "{:<10}{}", check::name_of(rule.violator), rule.rule);
    style.append(out, Tone::faint, rule.unseen.empty() ? "" : " (not checked)");
    out += '\n';
}

std::string rule_text(const RuleInfo& rule, const Style& style, std::size_t width) {
    constexpr std::string_view indent = "    ";
    std::string out;
    style.append(out, Tone::name, rule.id);
    out += "  ";
    style.append(out, tone_of(rule.severity), check::name_of(rule.severity));
    fmt::format_to(std::back_inserter(out), ", broken by: {}\n", check::name_of(rule.violator));
    append_wrapped(out, rule.rule, width, indent);
    fmt::format_to(std::back_inserter(out), "\nSpecification: {}\n\n", rule.section);
    append_wrapped(out, rule.explanation, width, "");
    if (!rule.unseen.empty()) {
        out += '\n';
        append_wrapped(out, fmt::format("Not checked: {}", rule.unseen), width, "");
    }
    return out;
}

void FindingCounts::add(const Finding& finding) {
    const auto severity = static_cast<std::size_t>(finding.severity);
    if (severity < counts_.size()) {
        ++counts_[severity];
    }
    sessions_.insert(finding.session);
}

std::uint64_t FindingCounts::of(Severity severity) const noexcept {
    return counts_[static_cast<std::size_t>(severity)];
}

bool FindingCounts::serious() const noexcept {
    return of(Severity::error) != 0 || of(Severity::warning) != 0;
}

std::string FindingCounts::text() const {
    std::string out;
    for (const auto& [severity, noun] :
         {std::pair(Severity::error, "error"), {Severity::warning, "warning"}, {Severity::info, "note"}}) {
        if (of(severity) != 0) {
            out += out.empty() ? "" : ", ";
            out += count_text(of(severity), noun);
        }
    }
    return out.empty() ? "no findings" : fmt::format("{} in {}", out, count_text(sessions_.size(), "session"));
}

void FindingText::add(const Finding& finding) {
    Group& group = groups_[{finding.rule, finding.severity, finding.session, finding.queue}];
    if (group.count++ < shown_repeats) {
        group.last_shown = shown_.size();
        shown_.push_back(finding);
    }
}

void FindingText::append_line(std::string& out, const Finding& finding) const {
    fmt::format_to(std::back_inserter(out), "{:>6}  ", finding.sequence);
    style_.append(out, Tone::faint, fmt::format("{:>14}", seconds_text(explain::elapsed(start_, finding.time))));
    fmt::format_to(std::back_inserter(out), "  {:<4}{:<5}", fmt::format("#{}", finding.session),
                   finding.queue ? fmt::format("q{}", *finding.queue) : "");
    style_.append(out, tone_of(finding.severity), fmt::format("{:<5}", check::name_of(finding.severity)));
    out += "  ";
    style_.append(out, Tone::name, finding.rule->id);
    fmt::format_to(std::back_inserter(out), "  {}: {}\n", check::name_of(finding.violator), printable(finding.text));
}

std::string FindingText::text() const {
    std::vector<std::uint64_t> folded(shown_.size());
    for (const auto& [key, group] : groups_) {
        folded[group.last_shown] = group.count - std::min<std::uint64_t>(group.count, shown_repeats);
    }
    std::vector<std::size_t> order(shown_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // What is found at the end of a session may be about an early record of it.
    std::stable_sort(order.begin(), order.end(),
                     [this](std::size_t a, std::size_t b) { return shown_[a].sequence < shown_[b].sequence; });
    std::string out;
    for (const std::size_t i : order) {
        append_line(out, shown_[i]);
        if (folded[i] != 0) {
            style_.append(out, Tone::faint,
                          fmt::format("{:>22}  … {} more like this; --json has them all", "", grouped(folded[i])));
            out += '\n';
        }
    }
    return out;
}

}  // namespace vutrace::render
