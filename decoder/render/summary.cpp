#include <vutrace/render/summary.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::render {
namespace {

// Reasons are text from a file: a hostile one must not fill the memory.
constexpr std::size_t max_reasons = 1000;
constexpr const char* other_reasons = "other reasons";

std::uint64_t captured(const trace::Content& content) noexcept {
    return content.size() - content.missing();
}

}  // namespace

void Summary::add(const explain::Annotation& annotation, const session::Tracker& tracker) {
    const trace::Record& record = *annotation.record;
    const std::uint64_t count = trace::sequence_count(record);
    if (records_ == 0) {
        first_time_ = record.time;
    }
    last_time_ = trace::time_of(record, static_cast<std::size_t>(count - 1));
    records_ += count;
    if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        const bool room = gaps_.size() < max_reasons || gaps_.count(gap->reason) != 0;
        GapSummary& sum = gaps_[room ? gap->reason : other_reasons];
        ++sum.count;
        sum.chains += gap->chains;
        sum.records += gap->records;
        sum.bytes += gap->bytes;
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&record.body)) {
        ++note_count_;
        if (notes_.size() < max_notes) {
            notes_.push_back({record.sequence, record.session, *note});
        }
    }
    if (record.session == 0) {
        return;
    }
    lineages_.add(annotation);
    SessionSummary& session = sessions_[record.session];
    if (session.records == 0) {
        session.number = record.session;
        session.first_time = record.time;
    }
    session.last_time = last_time_;
    session.records += count;
    if (std::holds_alternative<trace::MessageRecord>(record.body)) {
        add_message(session, annotation, tracker);
    } else if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        for (const trace::ChainEntry& entry : chain->entries) {
            session.content_bytes += captured(entry.content);
            session.problems += entry.problem != 0 ? 1U : 0U;
        }
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&record.body)) {
        session.content_bytes += captured(memory->content);
    }
}

void Summary::add_message(SessionSummary& session, const explain::Annotation& annotation,
                          const session::Tracker& tracker) {
    const auto& record = std::get<trace::MessageRecord>(annotation.record->body);
    const explain::MessageAnnotation& message = annotation.message;
    session.message_bytes += record.bytes.size();
    session.problems += message.problems.empty() ? 0U : 1U;
    if (record.offset == 0) {
        std::string name(message.request);
        if (message.info == nullptr && message.header && message.header->request < 65536) {
            name += fmt::format(" {}", message.header->request);
        }
        const bool reply = message.header && message.header->is_reply();
        ++session.messages[{record.channel, reply, std::move(name)}];
    }
    const session::SessionState* state = tracker.session(annotation.record->session);
    if (state == nullptr) {
        return;
    }
    if (state->device.epoch() != session.epoch && !state->device.regions().empty()) {
        session.epoch = state->device.epoch();
        session.regions = state->device.regions();
    }
    if (annotation.queue && record.channel == Channel::front_end) {
        const session::QueueState* queue = state->device.queue(*annotation.queue);
        if (queue != nullptr && queue->size) {
            session.queue_sizes[*annotation.queue] = *queue->size;
        }
    }
}

void Summary::set_file(std::string path, std::uint64_t size, const trace::ReadProblems& problems) {
    path_ = std::move(path);
    file_size_ = size;
    problems_ = problems;
}

}  // namespace vutrace::render
