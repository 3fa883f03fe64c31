#include "vutrace/replay/replayer.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/replay/comparison.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::replay {
namespace {

using trace::no_queue;

constexpr std::uint64_t progress_interval = 256;  // records

// How long chains in flight at the end of the trace may take. It may have ended because of them: a back-end that dies
// of them needs time to do so.
constexpr std::chrono::milliseconds settle_patience{1000};

}  // namespace

Replayer::Replayer(Connection connection, const TracePreview& preview, ReplayOptions options)
    : front_end_(std::move(connection), preview.translations, options.observer),
      preview_(preview),
      options_(std::move(options)) {}

Result<Report> Replayer::run(const std::string& path) {
    auto reader = trace::Reader::open(path);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    started_ = Clock::now();
    for (std::uint64_t count = 0; !ended_; ++count) {
        const auto record = reader->next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        if (!*record) {
            break;
        }
        if (options_.progress && count % progress_interval == 0) {
            options_.progress(reader->position().offset, reader->file_size());
        }
        if ((*record)->session != preview_.session) {
            continue;
        }
        if (const auto taken = take(**record); !taken && !ends_the_replay(taken.error())) {
            return tl::unexpected(taken.error());
        }
        ended_ |= options_.stop_on_divergence && report_.divergence_count != 0;
    }
    report_.chains_in_flight = count_unanswered();
    if (const auto settled = settle(); !settled && !ends_the_replay(settled.error())) {
        return tl::unexpected(settled.error());
    }
    (void)collect();
    judge_translations();
    report_.translations_answered = front_end_.translations().answered();
    report_.seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    return report_;
}

// What the back-end did to the session is a result, what befell us is an error.
bool Replayer::ends_the_replay(const Error& error) {
    if (error.code == ErrorCode::timeout) {
        report_.back_end.state = BackEndOutcome::State::hung;
    } else if (error.code == ErrorCode::peer_closed || error.code == ErrorCode::bad_input) {
        report_.back_end.state = BackEndOutcome::State::disconnected;
    } else {
        return false;
    }
    ended_ = true;
    return true;
}

// Chains that a device answers as it gets them, and of which the trace has no completion.
std::uint64_t Replayer::count_unanswered() const {
    std::uint64_t count = 0;
    for (const auto& [number, queue] : queues_) {
        count += static_cast<std::uint64_t>(std::count_if(
            queue.offered.begin(), queue.offered.end(), [](const auto& offer) { return !offer.second.device_fills; }));
    }
    return count;
}

Status Replayer::settle() {
    const bool stopped = options_.stop_on_divergence && report_.divergence_count != 0;
    if (stopped || report_.back_end.died()) {
        return {};
    }
    if (const auto published = publish_all(); !published) {
        return published;
    }
    const auto all_back = [this] {
        return std::all_of(queues_.begin(), queues_.end(), [](const auto& entry) {
            const QueueReplay& queue = entry.second;
            return queue.broken || std::all_of(queue.offered.begin(), queue.offered.end(), [&](const auto& offer) {
                       return offer.second.device_fills || queue.completed.count(offer.first) != 0;
                   });
        });
    };
    const auto waited = wait_until(all_back, std::min(options_.timeout, settle_patience));
    const bool expected = half_closed_ || (!waited && waited.error().code == ErrorCode::timeout);
    return expected ? Status{} : waited;
}

Status Replayer::take(const trace::Record& record) {
    sequence_ = record.sequence;
    front_end_.translations().set_position(sequence_);
    if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        return take_message(record, *message);
    }
    if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        return take_chain(record, *chain);
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&record.body)) {
        return take_event(*event);
    }
    if (const auto* session = std::get_if<trace::SessionRecord>(&record.body)) {
        return take_session(*session);
    }
    if (const auto* memory = std::get_if<trace::MemoryRecord>(&record.body)) {
        (void)collect();
        front_end_.restore(*memory, live_ranges());
    }
    if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        for (auto& [number, queue] : queues_) {
            queue.incomplete |= gap->queue == no_queue || gap->queue == number;
        }
    }
    return {};
}

// --- Messages

Status Replayer::take_message(const trace::Record& record, const trace::MessageRecord& message) {
    if (message.channel != Channel::front_end) {
        // requests of the back-end are answered as they come; the GPU's channel is not replayed
        report_.messages_skipped += message.channel == Channel::gpu && message.offset == 0 ? 1U : 0U;
        return {};
    }
    if (const auto published = publish_all(); !published) {
        return published;
    }
    return message.sender == Side::front_end ? send_message(record, message) : expect_reply(record.sequence, message);
}

Status Replayer::send_message(const trace::Record& record, const trace::MessageRecord& message) {
    if (const auto paced = pace(record.time); !paced) {
        return paced;
    }
    const auto start = preview_.starts.find(record.sequence);
    std::vector<std::string> problems;
    const auto sent = front_end_.send(message, start == preview_.starts.end() ? nullptr : &start->second,
                                      Clock::now() + options_.timeout, problems);
    for (const std::string& problem : problems) {
        Divergence divergence;
        divergence.kind = Divergence::Kind::ring;
        divergence.expected = "memory and rings as recorded";
        divergence.actual = problem;
        diverge(std::move(divergence), record.sequence, no_queue, "set-up");
    }
    report_.messages_sent += sent && message.offset == 0 ? 1U : 0U;
    forget_stopped_queues();
    return sent;
}

// What was in flight when a queue stopped belongs to nobody once it starts again.
void Replayer::forget_stopped_queues() {
    for (const auto& [number, driver] : front_end_.queues()) {
        if (!driver.started()) {
            queues_[number].offered.clear();
            queues_[number].completed.clear();
        }
    }
}

bool Replayer::position_uncertain(const protocol::Header& header, ByteView payload) {
    const auto state = protocol::parse_vring_state(payload);
    if (!state || header.size < sizeof(protocol::VringState)) {
        return false;
    }
    const auto number = static_cast<std::uint16_t>(state->index);
    const auto queue = queues_.find(number);
    const QueueDriver* driver = front_end_.queue(number);
    // offered, too: what the recorded device left unanswered, this one may have answered already
    return (queue != queues_.end() &&
            (queue->second.incomplete || queue->second.broken || !queue->second.offered.empty())) ||
           (driver != nullptr && driver->in_flight() != 0);
}

Status Replayer::expect_reply(std::uint64_t sequence, const trace::MessageRecord& message) {
    const auto header = protocol::parse_header(message.bytes);
    if (message.offset != 0 || !header || message.incomplete) {
        return {};
    }
    std::optional<Message> actual;
    const auto waited =
        wait_until([&] { return actual || (actual = front_end_.connection().take_message()); }, options_.timeout);
    const std::string subject(protocol::request_name(Channel::front_end, header->request));
    if (!waited) {
        Divergence missing;
        missing.kind = Divergence::Kind::reply_missing;
        missing.expected = fmt::format("a reply of {}", count_text(header->size, "byte"));
        missing.actual = describe(waited.error());
        ++report_.replies_diverged;
        diverge(std::move(missing), sequence, no_queue, subject);
        return waited;
    }
    const ByteView payload = ByteView(message.bytes).subspan(protocol::header_size);
    ++report_.replies_compared;
    if (auto difference =
            compare_replies(*header, payload, *actual, position_uncertain(*header, payload), preview_.device_type)) {
        ++report_.replies_diverged;
        diverge(std::move(*difference), sequence, no_queue, subject);
    }
    front_end_.take_reply(*header, payload, std::move(*actual));
    forget_stopped_queues();
    return {};
}

// --- Events and ends

// A kick marks where the recorded driver had published what it offered before.
Status Replayer::take_event(const trace::EventRecord& event) {
    if (event.kind != trace::EventRecord::Kind::kick) {
        return {};
    }
    QueueDriver* driver = front_end_.queue(event.queue);
    return driver == nullptr || !driver->started() ? Status{} : driver->publish();
}

Status Replayer::take_session(const trace::SessionRecord& session) {
    using Kind = trace::SessionRecord::Kind;
    const auto published = session.kind == Kind::opened ? Status{} : publish_all();
    ended_ |= session.kind == Kind::closed;
    const auto side = std::find(session.attributes.begin(), session.attributes.end(),
                                std::pair<std::string, std::string>("side", name_of(Side::front_end)));
    if (session.kind == Kind::half_closed && side != session.attributes.end()) {
        half_closed_ = true;
        front_end_.connection().half_close();
    }
    return published;
}

void Replayer::diverge(Divergence divergence, std::uint64_t sequence, std::uint16_t queue, std::string subject) {
    divergence.sequence = sequence;
    divergence.queue = queue;
    divergence.subject = std::move(subject);
    report_.add(std::move(divergence));
}

}  // namespace vutrace::replay
