// The replayer's chains: offering them, waiting for them, comparing what came back.
#include "vutrace/replay/replayer.h"

#include <vutrace/replay/comparison.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/virtio/devices/block.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::replay {
namespace {

// The rings are looked at again after this long even without a call: a back-end may be polled only (no call
// descriptor), or lose a call.
constexpr std::chrono::milliseconds polled_interval{1};
constexpr std::chrono::milliseconds called_interval{50};

// How long the device gets to fill a buffer that waits for the world outside, once for each queue.
constexpr std::chrono::milliseconds fill_patience{500};

bool only_writable(const std::vector<trace::ChainDescriptor>& descriptors) {
    bool any = false;
    for (const trace::ChainDescriptor& descriptor : descriptors) {
        const bool is_table = (descriptor.flags & virtio::descriptor_indirect) != 0;
        if (!is_table && (descriptor.flags & virtio::descriptor_write) == 0) {
            return false;
        }
        any |= !is_table;
    }
    return any;
}

// What the device does there.
virtio::Access needed_of(const trace::ChainDescriptor& descriptor) {
    return (descriptor.flags & virtio::descriptor_write) != 0 ? virtio::Access::write : virtio::Access::read;
}

std::string head_name(std::uint16_t queue, std::uint16_t head) {
    return fmt::format("queue {} head {}", queue, head);
}

// A chain from before may be overwritten: the recorded driver had it back.
bool is_held(const QueueDriver& driver, std::uint16_t head) {
    const auto [first, last] = driver.offered().equal_range(head);
    return std::any_of(first, last, [](const auto& entry) { return !entry.second.from_before; });
}

// Could the guest have offered this? A chain read too late may consist of what its memory held afterwards; sending such
// a thing would kill a back-end that never saw it. A chain that is proven goes out whatever it looks like.
bool is_credible(EmulatedFrontEnd& front_end, const trace::ChainEntry& entry) {
    if (entry.proof == trace::Proof::verified) {
        return true;
    }
    const auto inside = [&front_end](const trace::ChainDescriptor& descriptor) {
        const virtio::Access needed = needed_of(descriptor);
        return descriptor.length != 0 && (front_end.memory().contains(descriptor.address, descriptor.length, needed) ||
                                          front_end.translations().knows(descriptor.address, needed));
    };
    return entry.problem == 0 && !entry.descriptors.empty() &&
           std::all_of(entry.descriptors.begin(), entry.descriptors.end(), inside);
}

}  // namespace

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
    const auto skip = [&](SkipReason reason) {
        report_.skip(reason, sequence);
        queue.incomplete = true;
        return Status{};
    };
    if (queue.broken || driver == nullptr || !driver->started()) {
        return skip(SkipReason::not_running);
    }
    if (!is_credible(front_end_, entry)) {
        return skip(SkipReason::not_credible);
    }
    // its descriptors must not be overwritten while the device has them
    if (queue.waits_for_device && is_held(*driver, entry.head)) {
        return skip(SkipReason::device_holds);
    }
    const auto offered = driver->offer(entry, sequence);
    if (!offered && offered.error().code == ErrorCode::limit) {
        return skip(SkipReason::ring_full);
    }
    if (!offered && offered.error().code == ErrorCode::unsupported) {
        return skip(SkipReason::no_descriptors);
    }
    if (!offered && !driver->started()) {
        queue_broke(number, offered.error());
        return {};
    }
    queue.offered.emplace(entry.head, Offer{sequence, only_writable(entry.descriptors)});
    ++report_.chains_submitted;
    return {};
}

Status Replayer::expect_used(std::uint64_t sequence, std::uint16_t number, const trace::ChainEntry& entry) {
    QueueReplay& queue = queues_[number];
    const auto offered = queue.offered.find(entry.head);
    if (offered == queue.offered.end()) {
        ++(queue.waits_for_device ? report_.chains_not_filled : report_.completions_skipped);
        queue.incomplete = true;
        return {};
    }
    if (const auto published = publish_all(); !published) {
        return published;
    }
    const bool device_fills = offered->second.device_fills;
    const auto patience = !device_fills            ? options_.timeout
                          : queue.waits_for_device ? std::chrono::milliseconds(0)
                                                   : std::min(options_.timeout, fill_patience);
    const auto waited = wait_until([&] { return queue.broken || queue.completed.count(entry.head) != 0; }, patience);
    queue.offered.erase(offered);
    const auto completion = queue.completed.find(entry.head);
    if (completion != queue.completed.end()) {
        compare(sequence, number, entry, completion->second);
        queue.completed.erase(completion);
        return {};
    }
    if (device_fills && !waited && waited.error().code == ErrorCode::timeout) {
        queue.waits_for_device = queue.incomplete = true;
        ++report_.chains_not_filled;
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
            if (completion.known && completion.chain.from_before) {
                continue;  // done again: with what bytes, nobody knows
            }
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
    const BufferMemory memory = front_end_.memory();
    const auto add_chain = [&](const OfferedChain& chain) {
        for (const trace::ChainDescriptor& descriptor : chain.descriptors) {
            const auto found = memory.ranges(descriptor.address, descriptor.length, needed_of(descriptor));
            ranges.insert(ranges.end(), found.begin(), found.end());
        }
    };
    for (auto& [number, driver] : front_end_.queues()) {
        if (driver.started()) {
            for (const RingRange& range : driver.ring_ranges()) {
                ranges.push_back(range_of(range.address, range.length));
            }
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

// --- Translations

// The trace has none for a buffer that the recorded device never filled, and this one, which is quicker, wants to. It
// reads the table that leads to the buffer, and writes the buffer itself.
bool Replayer::device_may_fill(const TranslationService::Complaint& complaint) {
    const auto writes = virtio::allows(complaint.needed, virtio::Access::write);
    const auto holds = [&](const trace::ChainDescriptor& descriptor) {
        const std::uint64_t begin = page_of(descriptor.address);
        const bool is_table = (descriptor.flags & virtio::descriptor_indirect) != 0;
        return is_table != writes && complaint.address >= begin &&
               complaint.address - begin < descriptor.length + (descriptor.address - begin);
    };
    const auto is_waiting = [&holds](const auto& entry) {
        const auto& descriptors = entry.second.descriptors;
        return only_writable(descriptors) && std::any_of(descriptors.begin(), descriptors.end(), holds);
    };
    return std::any_of(front_end_.queues().begin(), front_end_.queues().end(), [&](const auto& entry) {
        const auto& offered = entry.second.offered();
        return std::any_of(offered.begin(), offered.end(), is_waiting);
    });
}

void Replayer::judge_translations() {
    for (const TranslationService::Complaint& complaint : front_end_.translations().take_complaints()) {
        if (!complaint.access_failed && device_may_fill(complaint)) {
            if (unknown_pages_.size() < TranslationService::most_complaints) {
                unknown_pages_.insert(page_of(complaint.address));
            }
            report_.translations_unknown = unknown_pages_.size();
            continue;
        }
        if (!front_end_.translations().blame(complaint)) {
            continue;
        }
        constexpr std::array names{"at all", "to read", "to write", "to read and write"};
        Divergence divergence;
        divergence.kind = Divergence::Kind::translation;
        divergence.expected =
            complaint.access_failed ? "no failed access" : "addresses of which the trace knows where they lead";
        divergence.actual = fmt::format("{} {}", complaint.access_failed ? "an access that failed," : "a miss,",
                                        names[static_cast<std::size_t>(complaint.needed) % names.size()]);
        diverge(std::move(divergence), sequence_, trace::no_queue, fmt::format("IOVA {:#x}", complaint.address));
    }
}

// --- Time and waiting

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
    judge_translations();
    for (auto& [number, driver] : front_end_.queues()) {
        if (*woken && driver.started() && driver.call()) {
            (void)vutrace::take_event(driver.call());
        }
    }
    return {};
}

Status Replayer::wait_until(const std::function<bool()>& done, std::chrono::milliseconds patience) {
    Deadline deadline = Clock::now() + patience;
    while (true) {
        if (collect() != 0) {
            deadline = Clock::now() + patience;
        }
        if (done()) {
            return {};
        }
        if (Clock::now() >= deadline) {
            return fail(ErrorCode::timeout, fmt::format("nothing happened for {} ms", patience.count()));
        }
        if (const auto waited = wait_for_event(deadline); !waited) {
            // what arrived before the end still counts
            (void)collect();
            return done() ? Status{} : waited;
        }
    }
}

}  // namespace vutrace::replay
