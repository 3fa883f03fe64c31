#include "shadow_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {

ShadowQueue::ShadowQueue(Options options, Recorder& recorder, ShadowRings& rings)
    : options_(std::move(options)),
      recorder_(recorder),
      rings_(rings),
      size_(virtio::size_of(rings.layout())),
      copier_(options_.memory, options_.snap_length),
      offers_(options_.queue, recorder.largest_record()),
      used_(options_.queue, recorder.largest_record()) {
    in_flight_.track_order(options_.in_order);
    in_flight_.resize(size_);
}

std::size_t ShadowQueue::take_over() {
    std::size_t count = 0;
    for (ShadowRings::Offer offer; rings_.next_earlier(offer); ++count) {
        if (offers_.is_full_for(offer.chain->descriptors.size(), offer.chain->readable_bytes)) {
            flush(offers_);
        }
        add_offer(offer);
    }
    flush(offers_);
    return count;
}

ShadowQueue::Progress ShadowQueue::serve() {
    Progress progress;
    full_ = false;
    move_offers(progress);
    move_completions(progress);
    progress.more = full_;
    return progress;
}

ShadowQueue::Progress ShadowQueue::finish(std::chrono::milliseconds longest) {
    const auto until = Clock::now() + longest;
    ending_ = true;
    Progress all;
    for (bool more = true; more;) {
        Progress progress;
        full_ = false;
        move_completions(progress);
        more = progress.completions;
        if (more && Clock::now() >= until) {
            deliver_unrecorded(progress);
            more = false;
        }
        all.completions = all.completions || progress.completions;
        all.call = all.call || progress.call;
    }
    return all;
}

// The back-end is done with these: a completion that the driver never sees is a request that never ends.
void ShadowQueue::deliver_unrecorded(Progress& progress) {
    for (int look = 0; look < 2; ++look) {  // those known, and what has come since: no more than the ring holds
        if (const std::size_t left = completions_.size() - collected_; left != 0) {
            lose(0, left, "the queue ended before they could be recorded");
        }
        for (; collected_ < completions_.size(); ++collected_) {
            if (const std::uint32_t key = completions_[collected_].key; in_flight_.is_open(key)) {
                in_flight_.close(static_cast<std::uint16_t>(key));
            }
        }
        if (delivered_ != collected_) {
            progress.completions = true;
            progress.call = rings_.deliver(collected_ - delivered_) || progress.call;
            delivered_ = collected_;
        }
        progress.call = (look == 0 && look_for_completions()) || progress.call;
    }
}

// --- From the driver to the back-end

void ShadowQueue::move_offers(Progress& progress) {
    if (offers_.empty()) {
        if (const std::size_t ahead = rings_.look_for_offers(); ahead != 0) {
            lose(ahead, 0, "the available index ran ahead by more than the queue holds");
            progress.offers = true;
        }
        collect_offers();
    }
    if (!offers_.empty()) {
        progress.offers = true;
        if (!may_record(offers_, offers_patience_)) {
            progress.waits = true;
            return;
        }
        flush(offers_);
    }
    progress.kick = rings_.give();
}

void ShadowQueue::collect_offers() {
    ShadowRings::Offer offer;
    while (rings_.next_offer(offer)) {
        if (offers_.is_full_for(offer.chain->descriptors.size(), offer.chain->readable_bytes)) {
            full_ = true;
            return;
        }
        add_offer(offer);
        rings_.take_offer();
    }
}

void ShadowQueue::add_offer(const ShadowRings::Offer& offer) {
    const virtio::Chain& chain = *offer.chain;
    trace::ChainEntry& entry = offers_.add();
    entry.state = trace::ChainEntry::State::available;
    entry.head = offer.head;
    entry.index = offer.index;
    entry.used_length = 0;
    entry.problem = static_cast<std::uint16_t>(chain.problem);
    for (const virtio::RingDescriptor& descriptor : chain.descriptors) {
        entry.descriptors.push_back({descriptor.address, descriptor.length, descriptor.flags, descriptor.next});
    }
    const bool readable = copier_.copy(
        {*rings_.mappings(), chain.descriptors, false, chain.readable_bytes, offers_.room(chain.descriptors.size())},
        entry.content);
    if (!readable && chain.problem == virtio::ChainProblem::none) {
        entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::buffer_outside);
    }
    settle(entry, offers_);
    tell_recorded(options_.recorded, chain.descriptors, false, entry.content.size());
    if (offer.key < size_) {
        in_flight_.open(offer.key, chain, rings_.mappings());
    }
}

// --- From the back-end to the driver

void ShadowQueue::move_completions(Progress& progress) {
    if (used_.empty() && collected_ == completions_.size() && look_for_completions()) {
        progress.completions = progress.call = true;
    }
    collect_completions();
    if (collected_ == 0) {
        return;
    }
    progress.completions = true;
    if (!used_.empty()) {
        if (!may_record(used_, used_patience_)) {
            progress.waits = true;
            return;
        }
        flush(used_);
    }
    // With IN_ORDER only what the back-end published is the end of a batch.
    if (!options_.in_order || collected_ == completions_.size()) {
        const bool asked_for = rings_.deliver(collected_ - delivered_);
        delivered_ = collected_;
        progress.call = progress.call || asked_for || (options_.notify_on_empty && is_empty());
    }
    full_ = full_ || collected_ != completions_.size();
}

// As far as the device has seen: a driver that asked for NOTIFY_ON_EMPTY is called then, whatever it suppresses.
bool ShadowQueue::is_empty() const noexcept {
    return in_flight_.count() == 0 && offers_.empty();
}

// True where the back-end ran ahead, which is passed on by the look.
bool ShadowQueue::look_for_completions() {
    collected_ = delivered_ = 0;
    const std::size_t ahead = rings_.look_for_completions(in_flight_, completions_);
    if (ahead != 0) {
        lose(0, ahead, "the used index ran ahead by more than the queue holds");
        in_flight_.clear();
    }
    return ahead != 0;
}

void ShadowQueue::collect_completions() {
    while (collected_ < completions_.size() && add_completion(completions_[collected_])) {
        ++collected_;
    }
}

// False where the element must wait for the next record.
bool ShadowQueue::add_completion(const ShadowRings::Completion& completion) {
    if (!in_flight_.is_open(completion.key)) {
        if (used_.is_full_for(0, 0)) {
            return false;
        }
        add_unseen(completion);
        return true;
    }
    const auto key = static_cast<std::uint16_t>(completion.key);
    const ChainInFlight& chain = in_flight_[key];
    const std::uint64_t reported = completion.batched ? chain.writable_bytes : completion.length;
    const std::uint64_t written = std::min(reported, chain.writable_bytes);
    if (used_.is_full_for(chain.writable.size(), written)) {
        return false;
    }
    trace::ChainEntry& entry = used_.add();
    entry.state = trace::ChainEntry::State::used;
    entry.head = completion.head;
    entry.index = completion.index;
    entry.used_length = static_cast<std::uint32_t>(std::min<std::uint64_t>(reported, UINT32_MAX));
    entry.problem = 0;
    if (chain.forgotten) {
        entry.content.add_missing(written);
    } else {
        (void)copier_.copy({*chain.mappings, chain.writable, true, written, used_.room(chain.writable.size())},
                           entry.content);
    }
    settle(entry, used_);
    tell_recorded(options_.recorded, chain.writable, true, entry.content.size());
    in_flight_.close(key);
    return true;
}

// Nobody offered it, or it names no descriptor of the queue at all: the driver is to see it, too.
void ShadowQueue::add_unseen(const ShadowRings::Completion& completion) {
    if (!completion.named) {
        if (!std::exchange(said_used_id_, true)) {
            (void)recorder_.record(options_.session,
                                   trace::NoteRecord{trace::NoteRecord::Severity::warning, options_.queue,
                                                     fmt::format("a used element names descriptor {} of a queue of {}",
                                                                 completion.key, size_)});
        }
        lose(0, 1, "a used element names no descriptor of the queue");
        return;
    }
    trace::ChainEntry& entry = used_.add();
    entry.state = trace::ChainEntry::State::used;
    entry.proof = trace::Proof::absent;
    entry.head = completion.head;
    entry.index = completion.index;
    entry.used_length = completion.length;
    entry.problem = 0;
    used_.account();
    lose(1, 0, fmt::format("head {} was used and never seen available", completion.head));
}

// --- Recording

// Nobody else knows of the chain yet, so that what is there is proven.
void ShadowQueue::settle(trace::ChainEntry& entry, ChainBatch& batch) {
    entry.proof = BufferCopier::limit_of(entry.content);
    batch.account();
}

// Room beyond the record itself is for who else records at this moment.
bool ShadowQueue::may_record(const ChainBatch& batch, Patience& patience) const {
    if (recorder_.free_bytes() >= batch.bytes() + recorder_.largest_record()) {
        patience = {};
        return true;
    }
    if (patience.over || ending_) {
        return true;
    }
    const auto now = Clock::now();
    patience.waiting_since = patience.waiting_since.value_or(now);
    patience.over = !recorder_.counters().recording || now - *patience.waiting_since >= options_.patience;
    return patience.over;
}

void ShadowQueue::flush(ChainBatch& batch) {
    trace::RingFields fields = rings_.fields();
    if (&batch == &used_ && collected_ != 0) {
        fields.used_index = completions_[collected_ - 1].next;  // as the driver finds it with these completions
    }
    batch.flush(recorder_, options_.session, fields);
}

void ShadowQueue::lose(std::uint64_t chains, std::uint64_t completions, std::string reason) {
    recorder_.lost(options_.session, {options_.queue, chains, completions, 0, std::move(reason)});
}

}  // namespace vutrace::capture
