#include "vutrace/replay/report.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <cstring>

namespace vutrace::replay {

std::string_view name_of(Divergence::Kind kind) noexcept {
    switch (kind) {
        case Divergence::Kind::reply:
            return "reply";
        case Divergence::Kind::reply_missing:
            return "reply-missing";
        case Divergence::Kind::used_length:
            return "used-length";
        case Divergence::Kind::bytes:
            return "bytes";
        case Divergence::Kind::status:
            return "status";
        case Divergence::Kind::completion:
            return "completion";
        case Divergence::Kind::ring:
            return "ring";
        case Divergence::Kind::translation:
            return "translation";
    }
    return "unknown";
}

std::string_view name_of(BackEndOutcome::State state) noexcept {
    switch (state) {
        case BackEndOutcome::State::alive:
            return "alive";
        case BackEndOutcome::State::exited:
            return "exited";
        case BackEndOutcome::State::signalled:
            return "signalled";
        case BackEndOutcome::State::hung:
            return "hung";
        case BackEndOutcome::State::disconnected:
            return "disconnected";
    }
    return "unknown";
}

std::string describe(const BackEndOutcome& outcome) {
    if (outcome.signal) {
        return fmt::format("{} by signal {} ({})", name_of(outcome.state), *outcome.signal,
                           ::strsignal(*outcome.signal));
    }
    if (outcome.status) {
        return fmt::format("{} with status {}", name_of(outcome.state), *outcome.status);
    }
    return std::string(name_of(outcome.state));
}

void Report::add(Divergence divergence) {
    ++divergence_count;
    if (divergences.size() < max_divergences) {
        divergences.push_back(std::move(divergence));
    }
}

void Report::skip(SkipReason reason, std::uint64_t sequence) {
    ++chains_skipped;
    SkippedChains& sum = skipped[static_cast<std::size_t>(reason)];
    if (sum.count++ == 0) {
        sum.first_sequence = sequence;
    }
}

std::string_view describe(SkipReason reason) noexcept {
    switch (reason) {
        case SkipReason::not_credible:
            return "the trace does not vouch for them, and they point outside the guest's memory";
        case SkipReason::not_running:
            return "their queue was not running";
        case SkipReason::ring_full:
            return "the ring was full, as completions are missing in the trace";
        case SkipReason::no_descriptors:
            return "their descriptors are not in the trace, and a packed ring holds nothing else";
        case SkipReason::device_holds:
            return "the device still has the buffers it was to fill";
    }
    return "";
}

std::string to_json(const Report& report) {
    using nlohmann::ordered_json;
    ordered_json divergences = ordered_json::array();
    for (const Divergence& divergence : report.divergences) {
        ordered_json entry{{"seq", divergence.sequence}, {"kind", name_of(divergence.kind)}};
        if (divergence.queue != 0xffff) {
            entry["queue"] = divergence.queue;
        }
        entry["subject"] = divergence.subject;
        entry["expected"] = divergence.expected;
        entry["actual"] = divergence.actual;
        if (!divergence.differences.empty()) {
            entry["differences"] = divergence.differences;
        }
        divergences.push_back(std::move(entry));
    }
    ordered_json back_end{{"state", name_of(report.back_end.state)}};
    if (report.back_end.status) {
        back_end["status"] = *report.back_end.status;
    }
    if (report.back_end.signal) {
        back_end["signal"] = *report.back_end.signal;
    }
    const ordered_json object{{"messages_sent", report.messages_sent},
                              {"replies_compared", report.replies_compared},
                              {"replies_diverged", report.replies_diverged},
                              {"chains_submitted", report.chains_submitted},
                              {"chains_completed", report.chains_completed},
                              {"chains_diverged", report.chains_diverged},
                              {"chains_skipped", report.chains_skipped},
                              {"completions_skipped", report.completions_skipped},
                              {"chains_doubtful", report.chains_doubtful},
                              {"chains_not_filled", report.chains_not_filled},
                              {"chains_in_flight", report.chains_in_flight},
                              {"bytes_compared", report.bytes_compared},
                              {"messages_skipped", report.messages_skipped},
                              {"translations_answered", report.translations_answered},
                              {"translations_unknown", report.translations_unknown},
                              {"divergence_count", report.divergence_count},
                              {"divergences", std::move(divergences)},
                              {"backend", std::move(back_end)},
                              {"seconds", report.seconds}};
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

namespace {

// What the figures above it do not say: one line each, none where the replay did all that the trace holds.
std::string reservations(const Report& report) {
    std::string text;
    for (std::size_t i = 0; i < skip_reason_count; ++i) {
        if (const SkippedChains& sum = report.skipped[i]; sum.count != 0) {
            text += fmt::format("left out: chains not sent: {}, the first at record {}: {}\n", sum.count,
                                sum.first_sequence, describe(static_cast<SkipReason>(i)));
        }
    }
    const auto line = [&text](std::string_view kind, std::uint64_t count, std::string_view what) {
        if (count != 0) {
            text += fmt::format("{}: {}\n", kind, fmt::format(fmt::runtime(what), count));
        }
    };
    line("left out", report.completions_skipped, "completions not compared: {}: their chains were not sent");
    line("left out", report.chains_not_filled,
         "completions that did not come again: {}: the device fills these buffers by itself (packets, input), so "
         "nothing is wrong with it");
    line("left out", report.messages_skipped, "messages of channels that are not replayed: {}");
    line("left out", report.translations_unknown,
         "pages of which the back-end wants to know where they are: {}: the device did not fill these buffers in the "
         "trace");
    line("in doubt", report.chains_doubtful,
         "chains that ended with other bytes than in the trace: {}: the trace does not vouch for those bytes");
    line("in flight", report.chains_in_flight, "chains without a completion in the trace: {}: sent, and not compared");
    return text;
}

}  // namespace

std::string to_text(const Report& report) {
    constexpr std::size_t shown = 10;
    std::string text = fmt::format(
        "messages: {} sent, {} compared, {} diverged\n"
        "chains:   {} submitted, {} completed, {} diverged, {} compared\n",
        report.messages_sent, count_text(report.replies_compared, "reply"), report.replies_diverged,
        report.chains_submitted, report.chains_completed, report.chains_diverged,
        count_text(report.bytes_compared, "byte"));
    text += reservations(report);
    for (std::size_t i = 0; i < report.divergences.size() && i < shown; ++i) {
        const Divergence& divergence = report.divergences[i];
        const std::string what = divergence.differences.empty()
                                     ? fmt::format("expected {}, got {}", divergence.expected, divergence.actual)
                                     : fmt::to_string(fmt::join(divergence.differences, "; "));
        text += fmt::format("divergence at {}: {} of {}: {}\n", divergence.sequence, name_of(divergence.kind),
                            divergence.subject, what);
    }
    if (report.divergence_count > shown) {
        text += fmt::format("... and {} more\n", report.divergence_count - shown);
    }
    text += fmt::format("back-end: {}\n", describe(report.back_end));
    return text;
}

}  // namespace vutrace::replay
