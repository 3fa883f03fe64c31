#include "page.h"

#include <vutrace/base/count_text.h>
#include <vutrace/explain/devices.h>
#include <vutrace/protocol/features.h>
#include <vutrace/render/phrases.h>
#include <vutrace/render/summary.h>

#include <fmt/format.h>

#include <iterator>

namespace vutrace::render {
namespace {

std::string joined(const std::vector<std::string>& names) {
    // A name a line would be long, all on one line too: wrapped below the value's column.
    constexpr std::size_t width = 90;
    std::string text;
    std::size_t column = 0;
    for (const std::string& name : names) {
        if (column + name.size() > width) {
            text += fmt::format("\n{:{}}", "", Page::label_width + 4);
            column = 0;
        }
        text += (column == 0 ? "" : " ") + name;
        column += name.size() + 1;
    }
    return text;
}

void file_lines(Page& page, const Summary& summary) {
    page.line("file", fmt::format("{}  {}", printable(summary.path()), count_text(summary.file_size(), "byte")));
    if (summary.filter().empty()) {
        page.line("records", fmt::format("{}", summary.records()));
    } else {
        page.line("filter", printable(summary.filter()));
        page.line("records", fmt::format("{} of {} match", summary.records(), summary.records_read()));
    }
    if (summary.records() != 0) {
        page.line("from", absolute_time_text(summary.first_time()));
        page.line("to", fmt::format("{}  ({})", absolute_time_text(summary.last_time()),
                                    duration_text(explain::elapsed(summary.first_time(), summary.last_time()))));
    }
}

void loss_lines(Page& page, const Summary& summary) {
    for (const auto& [reason, gap] : summary.gaps()) {
        page.line("lost",
                  fmt::format("{}{}, {}, {}: {}", gap.at_least ? "at least " : "", count_text(gap.chains, "chain"),
                              count_text(gap.records, "record"), count_text(gap.bytes, "byte"), printable(reason)),
                  Tone::doubtful);
    }
    if (summary.gaps().empty()) {
        page.line("lost", "nothing recorded as lost");
    }
    const trace::ReadProblems& problems = summary.problems();
    if (problems.torn) {
        page.line("torn", describe(*problems.torn), Tone::doubtful);
    }
    if (problems.unknown_records != 0) {
        page.line("passed over",
                  count_text(problems.unknown_records, "record") + " of a type or version this program does not know",
                  Tone::doubtful);
    }
    if (problems.foreign_packets != 0) {
        page.line("passed over", count_text(problems.foreign_packets, "packet") + " that are not vutrace's",
                  Tone::doubtful);
    }
    if (problems.bad_record_count != 0) {
        page.line("passed over", count_text(problems.bad_record_count, "record") + " that cannot be decoded",
                  Tone::bad);
    }
}

void feature_lines(Page& page, const SessionSummary& session, const session::DeviceState& device) {
    const std::uint32_t type = session.device;
    const std::string_view name = explain::device_name(type);
    page.line("device", type == 0
                            ? std::string("unknown: nothing proves a type")
                            : fmt::format("{} (type {}): {}", name.empty() ? "?" : name, type, session.device_reason));
    if (device.features()) {
        page.line("features", fmt::format("0x{:x}", *device.features()));
        page.line("", joined(protocol::feature_names(*device.features(), type)));
    } else {
        page.line("features", "not negotiated");
    }
    page.line("protocol features", fmt::format("0x{:x}", device.protocol_features()));
    if (device.protocol_features() != 0) {
        page.line("", joined(protocol::protocol_feature_names(device.protocol_features())));
    }
}

void queue_lines(Page& page, const SessionSummary& session, const session::SessionState& state, bool filtered) {
    for (const auto& [number, counts] : session.queues) {
        if (number == trace::no_queue) {
            continue;
        }
        const auto size = session.queue_sizes.find(number);
        const auto progress = state.queues.find(number);
        page.line(fmt::format("queue {}", number),
                  fmt::format("size {}  {} available, {} used, {} open, {}{} lost  {}, {}, {}",
                              size == session.queue_sizes.end() ? "unknown" : fmt::format("{}", size->second),
                              counts.chains_available, counts.chains_used,
                              progress == state.queues.end() ? 0 : progress->second.open.size(),
                              counts.chains_lost_at_least ? "at least " : "", counts.chains_lost,
                              count_text(counts.kicks, "kick"), count_text(counts.calls, "call"),
                              count_text(counts.errs, "err")));
        std::string proofs;
        for (std::size_t i = std::size(counts.proofs); i-- > 0;) {
            if (counts.proofs[i] != 0) {
                proofs += fmt::format("{}{} {}", proofs.empty() ? "content " : ", ", counts.proofs[i],
                                      trace::name_of(static_cast<trace::Proof>(i)));
            }
        }
        if (!proofs.empty()) {
            page.line("", proofs);
        }
    }
    for (const auto& [number, size] : session.queue_sizes) {
        if (number >= trace::no_queue || session.queues.count(static_cast<std::uint16_t>(number)) == 0) {
            page.line(fmt::format("queue {}", number),
                      fmt::format("size {}  {}", size, filtered ? "nothing matches" : "nothing recorded"));
        }
    }
}

void message_lines(Page& page, const SessionSummary& session) {
    for (const auto& [kind, count] : session.messages) {
        const auto& [channel, reply, request] = kind;
        const std::string where = channel == Channel::front_end ? "" : fmt::format(" [{} channel]", name_of(channel));
        page.line(fmt::format("{:>18}", count), fmt::format("{}{}{}", reply ? "↳ " : "", request, where));
    }
}

void lineage_line(Page& page, const std::optional<explain::Lineage>& lineage) {
    if (lineage) {
        page.line("continues", fmt::format("session {} ({}): {}", lineage->continues, explain::name_of(lineage->kind),
                                           printable(lineage->reason)));
    }
}

void session_lines(Page& page, const SessionSummary& session, const std::optional<explain::Lineage>& lineage,
                   const session::SessionState* state, bool filtered) {
    page.title(fmt::format("session {}", session.number));
    lineage_line(page, lineage);
    if (state != nullptr) {
        for (const auto& [key, value] : state->opened) {
            page.line(printable(key, 64), printable(value));
        }
        std::string end = state->ended ? "" : "the trace ends before the session does";
        for (const auto& [key, value] : state->closed) {
            end += fmt::format("{}{}={}", end.empty() ? "" : "  ", printable(key, 64), printable(value));
        }
        page.line("end", end.empty() ? "closed" : end);
    }
    page.line("duration", fmt::format("{}  {}", duration_text(explain::elapsed(session.first_time, session.last_time)),
                                      count_text(session.records, "record")));
    if (state != nullptr) {
        feature_lines(page, session, state->device);
    }
    for (const session::KnownRegion& known : session.regions) {
        page.line("memory region",
                  fmt::format("0x{:x} +{}  user 0x{:x}  offset 0x{:x}  fd {}", known.region.guest_address,
                              size_text(known.region.size), known.region.user_address, known.region.mmap_offset,
                              known.descriptor_id));
    }
    if (state != nullptr) {
        queue_lines(page, session, *state, filtered);
    }
    page.line("captured", fmt::format("{} of messages, {} of guest memory", count_text(session.message_bytes, "byte"),
                                      count_text(session.content_bytes, "byte")));
    if (session.problems != 0) {
        page.line("problems", fmt::format("{}: see decode", count_text(session.problems, "record")), Tone::bad);
    }
    message_lines(page, session);
}

}  // namespace

Status append_summary_text(std::string& out, const Summary& summary, const explain::Annotator& annotator,
                           const Style& style, const std::function<Status()>& flush) {
    Page page(out, style);
    file_lines(page, summary);
    loss_lines(page, summary);
    for (const NoteSummary& note : summary.notes()) {
        const Tone tone = note.note.severity == trace::NoteRecord::Severity::info      ? Tone::plain
                          : note.note.severity == trace::NoteRecord::Severity::warning ? Tone::doubtful
                                                                                       : Tone::bad;
        page.line(trace::name_of(note.note.severity),
                  fmt::format("record {}: {}", note.sequence, printable(note.note.text)), tone);
    }
    if (summary.note_count() > summary.notes().size()) {
        page.line("", fmt::format("… and {} more notes", summary.note_count() - summary.notes().size()));
    }
    for (const auto& [number, session] : summary.sessions()) {
        if (session.records != 0) {
            session_lines(page, session, annotator.lineages().of(number), annotator.tracker().session(number),
                          !summary.filter().empty());
        }
        if (Status status = flush(); !status) {
            return status;
        }
    }
    return flush();
}

}  // namespace vutrace::render
