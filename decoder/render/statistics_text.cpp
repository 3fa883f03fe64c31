#include "page.h"

#include <vutrace/base/count_text.h>
#include <vutrace/explain/devices.h>
#include <vutrace/render/phrases.h>
#include <vutrace/render/statistics.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace vutrace::render {
namespace {

using statistics::ChainStatistics;
using statistics::Histogram;
using statistics::NotificationStatistics;
using statistics::QueueStatistics;

constexpr std::size_t bar_width = 40;
constexpr double nanoseconds_in_second = 1e9;

std::string time_text(std::uint64_t nanoseconds) {
    return duration_text(static_cast<std::int64_t>(std::min<std::uint64_t>(nanoseconds, INT64_MAX)));
}

// "12.3 MB/s", "830 B/s": three digits, powers of 1000.
std::string rate_text(double amount, double seconds, std::string_view unit) {
    double rate = amount / seconds;
    std::string_view prefix;
    for (const std::string_view next : {"k", "M", "G"}) {
        if (rate < 1000) {
            break;
        }
        rate /= 1000;
        prefix = next;
    }
    return fmt::format("{:.3g} {}{}/s", rate, prefix, unit);
}

void append_totals(Page& page, const QueueStatistics& queue) {
    std::string chains =
        fmt::format("{} made available, {} used", grouped(queue.all.available), grouped(queue.all.used));
    const bool any_lost = queue.lost != 0 || queue.lost_at_least;
    const char* const bound = queue.lost_at_least ? "at least " : "";
    page.line("chains", chains + (any_lost ? fmt::format(", {}{} lost", bound, grouped(queue.lost)) : ""),
              any_lost ? Tone::doubtful : Tone::plain);
    if (!queue.descriptors.empty()) {
        page.line("buffers of a chain", fmt::format("{:.1f} on average, {} at the most", queue.descriptors.mean(),
                                                    queue.descriptors.largest()));
    }
    const double seconds = static_cast<double>(queue.last_time - queue.first_time) / nanoseconds_in_second;
    if (queue.all.used > 1 && seconds > 0) {
        page.line("throughput", fmt::format("{}, {} to the device, {} from it, over {}",
                                            rate_text(static_cast<double>(queue.all.used), seconds, "chains"),
                                            rate_text(static_cast<double>(queue.all.readable_bytes), seconds, "B"),
                                            rate_text(static_cast<double>(queue.all.used_bytes), seconds, "B"),
                                            duration_text(queue.last_time - queue.first_time)));
    }
    if (!queue.depth.empty()) {
        page.line("in flight",
                  fmt::format("{:.3g} on average, {} at the most", queue.mean_depth, grouped(queue.depth.largest())));
    }
}

void append_notifications(Page& page, std::string_view label, const NotificationStatistics& sum) {
    std::string text = fmt::format("{} sent", grouped(sum.sent));
    if (sum.superfluous != 0) {
        text += fmt::format(", {} for nothing new", grouped(sum.superfluous));
    }
    if (sum.suppressed != 0) {
        text += fmt::format("; not wanted for {} {}", grouped(sum.suppressed), noun_text(sum.suppressed, "chain"));
    }
    if (!sum.chains.empty()) {
        text += fmt::format("; chains for one: {:.1f} on average, {} at the most", sum.chains.mean(),
                            grouped(sum.chains.largest()));
    }
    page.line(label, text);
}

void append_latency_row(Page& page, std::string_view label, const ChainStatistics& chains) {
    const Histogram& times = chains.latency;
    if (times.empty()) {
        page.line(label, fmt::format("{:>10}", grouped(chains.used)));
        return;
    }
    page.line(label, fmt::format("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", grouped(chains.used),
                                 time_text(times.least()), time_text(static_cast<std::uint64_t>(times.mean())),
                                 time_text(times.percentile(0.5)), time_text(times.percentile(0.9)),
                                 time_text(times.percentile(0.99)), time_text(times.percentile(0.999)),
                                 time_text(times.largest())));
}

void append_latencies(Page& page, const QueueStatistics& queue) {
    page.line("available to used",
              fmt::format("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "chains", "least", "mean", "50 %", "90 %",
                          "99 %", "99.9 %", "largest"),
              Tone::faint);
    for (const auto& [request, chains] : queue.by_request) {
        append_latency_row(page, "  " + request, chains);
    }
    append_latency_row(page, queue.by_request.empty() ? "  chains" : "  all", queue.all);
}

void append_histogram(Page& page, const Histogram& times) {
    const auto rows = times.by_powers_of_two();
    std::uint64_t most = 1;
    for (const Histogram::Bucket& row : rows) {
        most = std::max(most, row.count);
    }
    for (const Histogram::Bucket& row : rows) {
        const double share = static_cast<double>(row.count) / static_cast<double>(most);
        // What is there at all is seen.
        const auto length = static_cast<std::size_t>(std::ceil(share * bar_width));
        std::string bar;
        for (std::size_t i = 0; i < length; ++i) {
            bar += "█";
        }
        page.line(fmt::format("{:>8} – {:<8}", time_text(row.from), time_text(row.to)),
                  fmt::format("{:>10}{}{}", grouped(row.count), bar.empty() ? "" : " ", bar));
    }
}

void append_call_delay(Page& page, const QueueStatistics& queue) {
    const Histogram& delays = queue.call_delay;
    if (delays.empty()) {
        return;
    }
    page.line("used to called", fmt::format("{} of {} {}: 50 % within {}, 99 % within {}, all within {}",
                                            grouped(delays.count()), grouped(queue.all.used),
                                            noun_text(queue.all.used, "chain"), time_text(delays.percentile(0.5)),
                                            time_text(delays.percentile(0.99)), time_text(delays.largest())));
}

// Used before anybody had seen them, or in the look that saw them first.
void append_untimed(Page& page, const ChainStatistics& all) {
    if (const std::uint64_t timed = all.latency.count(); timed < all.used) {
        page.line("not timed", fmt::format("{} of {} {}: not seen before being used", grouped(all.used - timed),
                                           grouped(all.used), noun_text(all.used, "chain")));
    }
}

void append_queue(Page& page, std::uint16_t number, const QueueStatistics& queue) {
    page.title(fmt::format("  queue {}", number));
    append_totals(page, queue);
    append_notifications(page, "kicks", queue.kicks);
    append_notifications(page, "calls", queue.calls);
    append_call_delay(page, queue);
    append_untimed(page, queue.all);
    if (queue.all.used != 0) {
        append_latencies(page, queue);
    }
    if (!queue.all.latency.empty()) {
        append_histogram(page, queue.all.latency);
    }
}

std::string session_title(const statistics::SessionStatistics& session) {
    const std::string_view device = explain::device_name(session.device);
    return fmt::format("session {}: {}{}", session.number, device.empty() ? "a device of unknown type" : device,
                       session.data_path.empty() ? "" : ", recorded with --datapath " + printable(session.data_path));
}

}  // namespace

Status append_statistics_text(std::string& out, const statistics::Statistics& statistics, const Style& style,
                              const std::function<Status()>& flush) {
    for (const auto& [number, session] : statistics.sessions()) {
        if (session.queues.empty()) {
            continue;
        }
        Page page(out, style);
        page.title(session_title(session));
        for (const auto& [index, queue] : session.queues) {
            append_queue(page, index, queue);
        }
        if (Status status = flush(); !status) {
            return status;
        }
    }
    return flush();
}

}  // namespace vutrace::render
