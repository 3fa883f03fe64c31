#include "vutrace/replay/replayer.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/replay/comparison.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/virtio/devices/block.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::replay {
namespace {

constexpr std::uint16_t no_queue = 0xffff;
constexpr std::uint64_t progress_interval = 256;  // records

// The rings are looked at again after this long even without a call: a back-end may be polled only (no call
// descriptor), or lose a call.
constexpr std::chrono::milliseconds polled_interval{1};
constexpr std::chrono::milliseconds called_interval{50};

std::string head_name(std::uint16_t queue, std::uint16_t head) {
    return fmt::format("queue {} head {}", queue, head);
}

// Could the guest have offered this? A chain read too late may consist of what its memory held afterwards; sending such
// a thing would kill a back-end that never saw it. A chain that is proven goes out whatever it looks like.
bool is_credible(const MappedMemory& memory, const trace::ChainEntry& entry) {
    if (entry.proof == trace::Proof::verified) {
        return true;
    }
    const auto inside = [&memory](const trace::ChainDescriptor& descriptor) {
        for (std::uint64_t done = 0; done < descriptor.length;) {
            const std::size_t size = memory.piece(descriptor.address + done, descriptor.length - done).size();
            if (size == 0) {
                return false;
            }
            done += size;
        }
        return descriptor.length != 0;
    };
    return entry.problem == 0 && !entry.descriptors.empty() &&
           std::all_of(entry.descriptors.begin(), entry.descriptors.end(), inside);
}

}  // namespace

Replayer::Replayer(Connection connection, const TracePreview& preview, ReplayOptions options)
    : front_end_(std::move(connection), options.observer), preview_(preview), options_(std::move(options)) {}

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
    if (!ended_) {
        if (const auto published = publish_all(); !published && !ends_the_replay(published.error())) {
            return tl::unexpected(published.error());
        }
    }
    (void)collect();
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

Status Replayer::take(const trace::Record& record) {
    sequence_ = record.sequence;
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
    const auto images = preview_.ring_images.find(record.sequence);
    std::vector<std::string> problems;
    const auto sent = front_end_.send(message, images == preview_.ring_images.end() ? nullptr : &images->second,
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
    return (queue != queues_.end() && (queue->second.incomplete || queue->second.broken)) ||
           (driver != nullptr && driver->in_flight() != 0);
}

Status Replayer::expect_reply(std::uint64_t sequence, const trace::MessageRecord& message) {
    const auto header = protocol::parse_header(message.bytes);
    if (message.offset != 0 || !header || message.incomplete) {
        return {};
    }
    std::optional<Message> actual;
    const auto waited = wait_until([&] { return actual || (actual = front_end_.connection().take_message()); });
    const std::string subject(protocol::request_name(Channel::front_end, header->request));
    if (!waited) {
        Divergence missing;
        missing.kind = Divergence::Kind::reply_missing;
        missing.expected = fmt::format("a reply of {} bytes", header->size);
        missing.actual = describe(waited.error());
        ++report_.replies_diverged;
        diverge(std::move(missing), sequence, no_queue, subject);
        return waited;
    }
    const ByteView payload = ByteView(message.bytes).subspan(protocol::header_size);
    ++report_.replies_compared;
    if (auto difference = compare_replies(*header, payload, *actual, position_uncertain(*header, payload))) {
        ++report_.replies_diverged;
        diverge(std::move(*difference), sequence, no_queue, subject);
    }
    front_end_.take_reply(*header, payload, std::move(*actual));
    forget_stopped_queues();
    return {};
}

// --- Chains

Status Replayer::take_chain(const trace::Record& record, const trace::ChainRecord& chain) {
    std::uint64_t sequence = record.sequence;
    for (const trace::ChainEntry& entry : chain.entries) {
        const bool available = entry.state == trace::ChainEntry::State::available;
        if (available) {
            if (const auto paced = pace(trace::time_of(record, entry)); !paced) {
                return paced;
            }
        }
        const auto done = available ? offer(sequence, chain.queue, entry) : expect_used(sequence, chain.queue, entry);
        if (!done) {
            return done;
        }
        ++sequence;
    }
    return {};
}

Status Replayer::offer(std::uint64_t sequence, std::uint16_t number, const trace::ChainEntry& entry) {
    QueueReplay& queue = queues_[number];
    QueueDriver* driver = front_end_.queue(number);
    if (queue.broken || driver == nullptr || !driver->started() || !is_credible(front_end_.memory(), entry)) {
        ++report_.chains_skipped;
        queue.incomplete = true;
        return {};
    }
    const auto offered = driver->offer(entry, sequence);
    if (!offered && offered.error().code == ErrorCode::limit) {
        // only where completions were lost in the capture: the device has not given back what the trace lacks
        ++report_.chains_skipped;
        queue.incomplete = true;
        return {};
    }
    if (!offered && !driver->started()) {
        queue_broke(number, offered.error());
        return {};
    }
    queue.offered.emplace(entry.head, sequence);
    ++report_.chains_submitted;
    return {};
}

Status Replayer::expect_used(std::uint64_t sequence, std::uint16_t number, const trace::ChainEntry& entry) {
    QueueReplay& queue = queues_[number];
    const auto offered = queue.offered.find(entry.head);
    if (offered == queue.offered.end()) {
        ++report_.chains_skipped;  // its start is not in the trace, or could not be replayed
        queue.incomplete = true;
        return {};
    }
    if (const auto published = publish_all(); !published) {
        return published;
    }
    const auto waited = wait_until([&] { return queue.broken || queue.completed.count(entry.head) != 0; });
    queue.offered.erase(offered);
    const auto completion = queue.completed.find(entry.head);
    if (completion != queue.completed.end()) {
        compare(sequence, number, entry, completion->second);
        queue.completed.erase(completion);
        return {};
    }
    Divergence missing;
    missing.kind = Divergence::Kind::completion;
    missing.expected = fmt::format("used with length {}", entry.used_length);
    missing.actual = waited ? std::string("the device broke the queue") : describe(waited.error());
    ++report_.chains_diverged;
    diverge(std::move(missing), sequence, number, head_name(number, entry.head));
    return waited;
}

void Replayer::compare(std::uint64_t sequence, std::uint16_t queue, const trace::ChainEntry& entry,
                       const Completion& completion) {
    UsedComparison comparison = compare_used(entry, completion.length, completion.chain.descriptors,
                                             front_end_.memory(), preview_.device_type == virtio::block::device_id);
    report_.bytes_compared += comparison.bytes_compared;
    report_.chains_doubtful += comparison.doubtful ? 1U : 0U;
    report_.chains_diverged += comparison.divergences.empty() ? 0U : 1U;
    for (Divergence& divergence : comparison.divergences) {
        diverge(std::move(divergence), sequence, queue, head_name(queue, entry.head));
    }
}

std::size_t Replayer::collect() {
    std::size_t count = 0;
    std::vector<Completion> completions;
    for (auto& [number, driver] : front_end_.queues()) {
        completions.clear();
        const auto taken = driver.take_used(completions);
        count += completions.size();
        for (Completion& completion : completions) {
            if (completion.known) {
                ++report_.chains_completed;
                queues_[number].completed.emplace(completion.head, std::move(completion));
                continue;
            }
            Divergence divergence;
            divergence.kind = Divergence::Kind::completion;
            divergence.expected = "completions of chains that the device has";
            divergence.actual = fmt::format("used id {} length {}", completion.id, completion.length);
            diverge(std::move(divergence), sequence_, number, head_name(number, completion.head));
        }
        if (!taken) {
            queue_broke(number, taken.error());
            ++count;
        }
    }
    return count;
}

void Replayer::queue_broke(std::uint16_t number, const Error& error) {
    queues_[number].broken = true;
    Divergence divergence;
    divergence.kind = Divergence::Kind::ring;
    divergence.expected = "a ring that both sides keep in order";
    divergence.actual = describe(error);
    diverge(std::move(divergence), sequence_, number, fmt::format("queue {}", number));
}

std::vector<AddressRange> Replayer::live_ranges() {
    std::vector<AddressRange> ranges;
    const auto add_chain = [&](const OfferedChain& chain) {
        for (const trace::ChainDescriptor& descriptor : chain.descriptors) {
            ranges.push_back(range_of(descriptor.address, descriptor.length));
        }
    };
    for (auto& [number, driver] : front_end_.queues()) {
        if (driver.started()) {
            const virtio::SplitRingLayout& layout = driver.layout();
            ranges.push_back(range_of(layout.descriptor, layout.descriptor_bytes()));
            ranges.push_back(range_of(layout.available, layout.available_bytes()));
            ranges.push_back(range_of(layout.used, layout.used_bytes()));
        }
        for (const auto& [head, chain] : driver.offered()) {
            add_chain(chain);
        }
        for (const auto& [head, completion] : queues_[number].completed) {
            add_chain(completion.chain);
        }
    }
    return ranges;
}

// --- Events, ends, time

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
    return published;
}

Status Replayer::publish_all() {
    for (auto& [number, driver] : front_end_.queues()) {
        if (!driver.started()) {
            continue;
        }
        if (const auto published = driver.publish(); !published) {
            if (published.error().code != ErrorCode::bad_input) {
                return published;
            }
            queue_broke(number, published.error());
        }
    }
    return {};
}

Status Replayer::pace(std::int64_t time) {
    if (options_.time_scale == 0) {
        return {};
    }
    if (!first_time_) {
        first_time_ = time;
        started_ = Clock::now();
    }
    // a hostile trace may hold any time: bounded before it becomes a duration
    constexpr double longest = 1e9 * 86400 * 365;
    const double since =
        std::clamp((static_cast<double>(time) - static_cast<double>(*first_time_)) * options_.time_scale, 0.0, longest);
    const Deadline due = started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(since));
    if (due - Clock::now() < shortest_pause) {
        return {};
    }
    if (const auto published = publish_all(); !published) {
        return published;
    }
    while (Clock::now() < due) {
        (void)collect();
        if (const auto waited = wait_for_event(due); !waited) {
            return waited;
        }
    }
    return {};
}

bool Replayer::enable_calls() {
    bool more = false;
    for (auto& [number, driver] : front_end_.queues()) {
        more |= driver.enable_call();
    }
    return more;
}

Status Replayer::wait_for_event(Deadline deadline) {
    if (front_end_.connection().closed_by_peer()) {
        return fail(ErrorCode::peer_closed, "the back-end closed the connection");
    }
    if (enable_calls()) {
        return {};
    }
    std::vector<int> calls;
    bool polled = false;
    for (auto& [number, driver] : front_end_.queues()) {
        if (driver.started() && driver.call()) {
            calls.push_back(driver.call().number());
        }
        polled |= driver.started() && !driver.call() && driver.in_flight() != 0;
    }
    const auto woken = front_end_.connection().wait(
        calls, std::min<Deadline>(deadline, Clock::now() + (polled ? polled_interval : called_interval)));
    if (!woken) {
        return tl::unexpected(woken.error());
    }
    for (auto& [number, driver] : front_end_.queues()) {
        if (*woken && driver.started() && driver.call()) {
            (void)vutrace::take_event(driver.call());
        }
    }
    return {};
}

template <class Done>
Status Replayer::wait_until(Done done) {
    Deadline deadline = Clock::now() + options_.timeout;
    while (true) {
        if (collect() != 0) {
            deadline = Clock::now() + options_.timeout;
        }
        if (done()) {
            return {};
        }
        if (Clock::now() >= deadline) {
            return fail(ErrorCode::timeout, fmt::format("nothing happened for {} ms", options_.timeout.count()));
        }
        if (const auto waited = wait_for_event(deadline); !waited) {
            // what arrived before the end still counts
            (void)collect();
            return done() ? Status{} : waited;
        }
    }
}

void Replayer::diverge(Divergence divergence, std::uint64_t sequence, std::uint16_t queue, std::string subject) {
    divergence.sequence = sequence;
    divergence.queue = queue;
    divergence.subject = std::move(subject);
    report_.add(std::move(divergence));
}

}  // namespace vutrace::replay
