// The fields that several kinds of records have, and those of the small ones.
#include "getters.h"

#include <vutrace/virtio/split_ring.h>

#include <algorithm>

namespace vutrace::filter {
namespace {

std::uint64_t captured(const trace::Content& content) noexcept {
    return content.size() - content.missing();
}
void get_elapsed(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    const std::int64_t time = trace::time_of(*subject.annotation.record, subject.entry);
    probe.signed_number(explain::elapsed(subject.annotation.start_time, time));
}

void get_time(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    probe.signed_number(trace::time_of(*subject.annotation.record, subject.entry));
}

void get_queue(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    if (is_chain(subject)) {
        probe.number(body<trace::ChainRecord>(subject).queue);
        return;
    }
    const bool is_message = std::holds_alternative<trace::MessageRecord>(subject.annotation.record->body);
    const auto queue = is_message ? subject.annotation.queue : explain::queue_of(subject.annotation.record->body);
    if (queue) {
        probe.number(*queue);
    }
}

void get_latency(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    const auto& latency = is_chain(subject) ? known_chain(subject).latency : known_message(subject).latency;
    if (latency) {
        probe.signed_number(*latency);
    }
}

void get_problems(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    if (is_chain(subject)) {
        if (const std::uint16_t problem = chain(subject).problem; problem != 0) {
            probe.text(virtio::name_of(static_cast<virtio::ChainProblem>(problem)));
        }
        return;
    }
    const auto& problems = known_message(subject).problems;
    (void)std::any_of(problems.begin(), problems.end(),
                      [&](const protocol::Problem& problem) { return probe.text(problem.text); });
}

void get_content(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    probe.number(as_number(is_chain(subject) ? chain(subject).proof : body<trace::MemoryRecord>(subject).proof));
}

void get_captured(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    probe.number(captured(is_chain(subject) ? chain(subject).content : body<trace::MemoryRecord>(subject).content));
}

void get_attribute(const Subject& subject, const FieldRow& row, Probe& probe) noexcept {
    for (const auto& [key, value] : body<trace::SessionRecord>(subject).attributes) {
        if (key == row.part && probe.text(value)) {
            return;
        }
    }
}

void get_attributes(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    const auto& attributes = body<trace::SessionRecord>(subject).attributes;
    if (attributes.empty()) {
        (void)probe.empty_list();
        return;
    }
    (void)std::any_of(attributes.begin(), attributes.end(), [&](const auto&) { return probe.element(); });
}

std::vector<FieldRow> common_rows() {
    using T = FieldType;
    return {
        told(row("seq", T::number, every_kind, number_of([](S s) { return s.annotation.record->sequence + s.entry; }),
                 "record number, from 1")),
        told(row("time", T::time, every_kind, get_time, "when it was recorded")),
        told(row("elapsed", T::duration, every_kind, get_elapsed,
                 "time since the first record of the trace; not in JSON")),
        told(row("session", T::number, every_kind, number_of([](S s) { return s.annotation.record->session; }),
                 "session number, from 1; 0 is the whole trace")),
        told(named("record", every_kind,
                   number_of([](S s) { return as_number(trace::type_of(s.annotation.record->body)); }), record_names(),
                   "kind of record")),
        told(row("queue", T::number, every_kind & ~session_kind, get_queue, "queue that the record is about"),
             every_kind & ~message_kind),
        row("latency", T::duration, message_kind | chain_kind, get_latency,
            "from the request to its reply, from available to used"),
        told(list(row("problems", T::text, message_kind | chain_kind, get_problems, "what is wrong with it")),
             chain_kind),
        told(scale(named("content", chain_kind | memory_kind, get_content, proof_names(),
                         "how sure it is that the captured bytes are right"))),
        told(row("captured", T::number, chain_kind | memory_kind, get_captured, "bytes that were captured")),
    };
}

std::vector<FieldRow> other_rows() {
    using T = FieldType;
    std::vector<FieldRow> rows{
        named("event", session_kind, number_of([](S s) { return as_number(body<trace::SessionRecord>(s).kind); }),
              session_event_names(), "what happened to the session"),
        list(row("attributes", T::group, session_kind, get_attributes, "attributes of the session")),
        named("fd", event_kind, number_of([](S s) { return as_number(body<trace::EventRecord>(s).kind); }),
              event_names(), "which notification"),
        row("count", T::number, event_kind, number_of([](S s) { return body<trace::EventRecord>(s).count; }),
            "notifications seen as one"),
        named("part", memory_kind, number_of([](S s) { return as_number(body<trace::MemoryRecord>(s).part); }),
              memory_part_names(), "what the memory holds"),
        row("address", T::address, memory_kind, number_of([](S s) { return body<trace::MemoryRecord>(s).address; }),
            "guest address where it begins"),
        row("length", T::number, memory_kind,
            number_of([](S s) { return body<trace::MemoryRecord>(s).content.size(); }), "bytes of memory"),
        row("chains", T::number, gap_kind, number_of([](S s) { return body<trace::GapRecord>(s).chains; }),
            "chains lost"),
        row("records", T::number, gap_kind, number_of([](S s) { return body<trace::GapRecord>(s).records; }),
            "records lost"),
        row("bytes", T::number, gap_kind, number_of([](S s) { return body<trace::GapRecord>(s).bytes; }), "bytes lost"),
        row("at_least", T::boolean, gap_kind,
            number_of([](S s) { return body<trace::GapRecord>(s).at_least ? 1U : 0U; }), "more may have been lost"),
        row(
            "reason", T::text, gap_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept { probe.text(body<trace::GapRecord>(s).reason); },
            "why they were lost"),
        scale(named("severity", note_kind,
                    number_of([](S s) { return as_number(body<trace::NoteRecord>(s).severity); }), severity_names(),
                    "how bad it is")),
        row(
            "text", T::text, note_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept { probe.text(body<trace::NoteRecord>(s).text); },
            "what the capture has to say"),
    };
    for (FieldRow& each : rows) {
        each = told(std::move(each));
    }
    return rows;
}

}  // namespace

FieldRow attribute_row(std::string_view key) {
    FieldRow out = row(std::string(attribute_prefix) + std::string(key), FieldType::text, session_kind, get_attribute,
                       "an attribute of the session");
    out.part = key;
    return told(std::move(out));
}

std::vector<FieldRow> record_rows() {
    std::vector<FieldRow> rows = common_rows();
    append(rows, message_rows());
    append(rows, chain_rows());
    append(rows, other_rows());
    append(rows, shared_area_rows());
    return rows;
}

}  // namespace vutrace::filter
