#include <vutrace/render/summary.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace vutrace::render {
namespace {

// Reasons are text from a file: a hostile one must not fill the memory.
constexpr std::size_t max_reasons = 1000;
constexpr const char* other_reasons = "other reasons";

void add_saturating(std::uint64_t& sum, std::uint64_t count) noexcept {
    sum = sum > UINT64_MAX - count ? UINT64_MAX : sum + count;
}

std::uint64_t captured(const trace::Content& content) noexcept {
    return content.size() - content.missing();
}

}  // namespace

void Summary::add(const explain::Annotation& annotation, const session::Tracker& tracker, const Selected& selected) {
    const trace::Record& record = *annotation.record;
    const auto entries = static_cast<std::size_t>(trace::sequence_count(record));
    records_read_ += entries;
    if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        add_gap(*gap);
    }
    follow(annotation, tracker);
    for (std::size_t entry = 0; entry < entries; ++entry) {
        if (!selected || selected(entry)) {
            add_selected(annotation, entry);
        }
    }
}

void Summary::add_gap(const trace::GapRecord& gap) {
    const bool room = gaps_.size() < max_reasons || gaps_.count(gap.reason) != 0;
    GapSummary& sum = gaps_[room ? gap.reason : other_reasons];
    ++sum.count;
    sum.chains += gap.chains;
    sum.records += gap.records;
    sum.bytes += gap.bytes;
    sum.at_least |= gap.at_least;
}

void Summary::add_selected(const explain::Annotation& annotation, std::size_t entry) {
    const trace::Record& record = *annotation.record;
    const std::int64_t time = trace::time_of(record, entry);
    if (records_++ == 0) {
        first_time_ = time;
    }
    last_time_ = time;
    if (const auto* note = std::get_if<trace::NoteRecord>(&record.body)) {
        ++note_count_;
        if (notes_.size() < max_notes) {
            notes_.push_back({record.sequence, record.session, *note});
        }
    }
    if (record.session == 0) {
        return;
    }
    SessionSummary& session = sessions_[record.session];
    if (session.records++ == 0) {
        session.number = record.session;
        session.first_time = time;
    }
    session.last_time = time;
    if (std::holds_alternative<trace::MessageRecord>(record.body)) {
        add_message(session, annotation);
    } else if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        add_chain(session, *chain, entry);
    } else {
        add_other(session, record.body);
    }
}

void Summary::add_message(SessionSummary& session, const explain::Annotation& annotation) {
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
}

void Summary::add_chain(SessionSummary& session, const trace::ChainRecord& record, std::size_t number) {
    QueueSummary& queue = session.queues[record.queue];
    if (number >= record.entries.size()) {
        return;
    }
    const trace::ChainEntry& entry = record.entries[number];
    ++queue.proofs[static_cast<std::size_t>(entry.proof) % std::size(queue.proofs)];
    ++(entry.state == trace::ChainEntry::State::used ? queue.chains_used : queue.chains_available);
    session.content_bytes += captured(entry.content);
    session.problems += entry.problem != 0 ? 1U : 0U;
}

void Summary::add_other(SessionSummary& session, const trace::RecordBody& body) {
    if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        QueueSummary& queue = session.queues[event->queue];
        add_saturating(event->kind == trace::EventRecord::Kind::kick   ? queue.kicks
                       : event->kind == trace::EventRecord::Kind::call ? queue.calls
                                                                       : queue.errs,
                       event->count);
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        session.content_bytes += captured(memory->content);
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
        if (gap->queue != trace::no_queue) {
            QueueSummary& queue = session.queues[gap->queue];
            add_saturating(queue.chains_lost, gap->chains);
            queue.chains_lost_at_least |= gap->at_least;
        }
    }
}

// Takes in what a message changed about its session.
void Summary::follow(const explain::Annotation& annotation, const session::Tracker& tracker) {
    const auto* record = std::get_if<trace::MessageRecord>(&annotation.record->body);
    const session::SessionState* state = tracker.session(annotation.record->session);
    if (state == nullptr) {
        return;
    }
    SessionSummary& session = sessions_[annotation.record->session];
    session.device = annotation.device;
    session.device_reason = annotation.device_reason;
    if (record == nullptr) {
        return;
    }
    if (state->device.epoch() != session.epoch && !state->device.regions().empty()) {
        session.epoch = state->device.epoch();
        session.regions = state->device.regions();
    }
    if (annotation.queue && record->channel == Channel::front_end) {
        const session::QueueState* queue = state->device.queue(*annotation.queue);
        if (queue != nullptr && queue->size) {
            session.queue_sizes[*annotation.queue] = *queue->size;
        }
        const auto number = static_cast<std::uint16_t>(*annotation.queue);
        if (filter_.empty() && number == *annotation.queue && state->queues.count(number) != 0) {
            (void)session.queues[number];  // a queue that nothing happens on is shown, too
        }
    }
}

void Summary::set_file(std::string path, std::uint64_t size, const trace::ReadProblems& problems) {
    path_ = std::move(path);
    file_size_ = size;
    problems_ = problems;
}

}  // namespace vutrace::render
