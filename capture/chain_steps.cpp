#include "chain_steps.h"

#include <algorithm>
#include <utility>

namespace vutrace::capture {
namespace {

// What walking to one descriptor costs, in bytes that could have been copied meanwhile.
constexpr std::uint64_t bytes_per_descriptor = 64;

}  // namespace

ChainSteps::ChainSteps(RingTapOptions options, Recorder& recorder)
    : options_(std::move(options)),
      recorder_(recorder),
      copier_(options_.memory, options_.snap_length),
      batch_(options_.queue, recorder.largest_record()) {
    in_flight_.track_order(options_.in_order);
}

void ChainSteps::resize(std::uint32_t queue_size) {
    in_flight_.resize(queue_size);
    offered_in_batch_.assign(queue_size, -1);
    completed_in_batch_.assign(queue_size, -1);
}

bool ChainSteps::is_translated(const virtio::Chain& chain) const noexcept {
    const auto translations = space();
    if (!translations) {
        return true;
    }
    bool whole = chain.problem != virtio::ChainProblem::indirect_unreadable;
    std::size_t budget = virtio::most_pieces_of_chain;
    virtio::for_each_buffer(chain.descriptors, false, [&](std::uint64_t address, std::uint32_t length) {
        whole = whole && virtio::for_each_piece(*translations, address, length, virtio::Access::read, budget,
                                                [](const virtio::IovaSpace::Piece& /*piece*/) {});
    });
    return whole;
}

void ChainSteps::tell(const std::vector<virtio::RingDescriptor>& buffers, bool writable, std::uint64_t length) const {
    const auto translations = options_.recorded ? space() : std::nullopt;
    if (!translations) {
        return tell_recorded(options_.recorded, buffers, writable, length);
    }
    std::size_t budget = virtio::most_pieces_of_chain;
    const auto needed = writable ? virtio::Access::write : virtio::Access::read;
    const auto tell_pieces = [&](std::uint64_t address, std::uint64_t size) {
        (void)virtio::for_each_piece(*translations, address, size, needed, budget,
                                     [&](const virtio::IovaSpace::Piece& piece) {
                                         if (piece.guest_address) {
                                             options_.recorded(*piece.guest_address, piece.length);
                                         }
                                     });
    };
    tell_recorded(tell_pieces, buffers, writable, length);
}

trace::ChainEntry& ChainSteps::add(Step step, trace::ChainEntry::State state) {
    trace::ChainEntry& entry = batch_.add();
    keys_.push_back(step.key);
    entry.state = state;
    entry.head = step.head;
    entry.index = step.index;
    entry.used_length = 0;
    entry.problem = 0;
    return entry;
}

void ChainSteps::offer(Step step, const virtio::Chain& chain, const std::shared_ptr<const GuestMappings>& mappings) {
    trace::ChainEntry& entry = add(step, trace::ChainEntry::State::available);
    entry.problem = static_cast<std::uint16_t>(chain.problem);
    for (const virtio::RingDescriptor& descriptor : chain.descriptors) {
        entry.descriptors.push_back({descriptor.address, descriptor.length, descriptor.flags, descriptor.next});
    }
    const std::size_t room = batch_.room(chain.descriptors.size());
    const auto readable_memory = memory(*mappings, virtio::Access::read);
    const bool readable =
        copier_.copy({readable_memory, chain.descriptors, false, chain.readable_bytes, room}, entry.content);
    if (!readable && chain.problem == virtio::ChainProblem::none) {
        entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::buffer_outside);
    }
    entry.proof = BufferCopier::limit_of(entry.content);
    // The descriptors count too: a ring of long chains without a byte is as much work.
    bytes_copied_ += entry.content.size() - entry.content.missing() + chain.descriptors.size() * bytes_per_descriptor;
    batch_.account();
    if (step.key < offered_in_batch_.size()) {
        in_flight_.open(step.key, chain, mappings);
        offered_in_batch_[step.key] = static_cast<std::int32_t>(batch_.size() - 1);
    }
    tell(chain.descriptors, false, entry.content.size());
}

bool ChainSteps::complete(Step step, std::uint32_t length, bool batched) {
    const ChainInFlight& chain = in_flight_[step.key];
    const std::uint64_t reported = batched ? chain.writable_bytes : length;
    const std::uint64_t written = std::min(reported, chain.writable_bytes);
    if (batch_.is_full_for(chain.writable.size(), written)) {
        return false;
    }
    trace::ChainEntry& entry = add(step, trace::ChainEntry::State::used);
    entry.used_length = static_cast<std::uint32_t>(std::min<std::uint64_t>(reported, UINT32_MAX));
    // Translations are those of this moment, and so must be the memory that they lead to.
    const auto& mappings = options_.translations == nullptr ? chain.mappings : mappings_;
    if (chain.forgotten || mappings == nullptr) {
        entry.content.add_missing(written);
    } else {
        const auto written_memory = memory(*mappings, virtio::Access::write);
        (void)copier_.copy({written_memory, chain.writable, true, written, batch_.room(chain.writable.size())},
                           entry.content);
    }
    entry.proof = BufferCopier::limit_of(entry.content);
    bytes_copied_ += entry.content.size() - entry.content.missing();
    batch_.account();
    completed_in_batch_[step.key] = static_cast<std::int32_t>(batch_.size() - 1);
    tell(chain.writable, true, entry.content.size());
    in_flight_.close(step.key);
    return true;
}

void ChainSteps::complete_unseen(Step step, std::uint32_t length) {
    trace::ChainEntry& entry = add(step, trace::ChainEntry::State::used);
    entry.proof = trace::Proof::absent;
    entry.used_length = length;
    batch_.account();
}

void ChainSteps::doubt_offer(std::uint32_t key) noexcept {
    const std::int32_t offered = key < offered_in_batch_.size() ? offered_in_batch_[key] : -1;
    if (offered >= 0) {
        make_late(batch_.entry(static_cast<std::size_t>(offered)).proof);
    }
}

void ChainSteps::judge_offers(bool known) noexcept {
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        trace::ChainEntry& entry = batch_.entry(i);
        if (entry.state != trace::ChainEntry::State::available) {
            continue;
        }
        if (!known) {
            make_late(entry.proof);
        }
        if (keys_[i] < offered_in_batch_.size()) {
            offered_in_batch_[keys_[i]] = -1;
        }
    }
}

void ChainSteps::doubt_completion(std::uint32_t key) noexcept {
    const std::int32_t completed = key < completed_in_batch_.size() ? completed_in_batch_[key] : -1;
    if (completed >= 0) {
        make_late(batch_.entry(static_cast<std::size_t>(completed)).proof);
    }
}

void ChainSteps::flush(const trace::RingFields& fields) noexcept {
    if (options_.translations != nullptr && options_.translations_stale && options_.translations_stale()) {
        for (std::size_t i = 0; i < batch_.size(); ++i) {  // an address may have come to lead elsewhere
            make_late(batch_.entry(i).proof);
        }
    }
    batch_.flush(
        recorder_, options_.session, fields,
        options_.translations == nullptr ? std::nullopt : std::optional(options_.translations->translations()));
    keys_.clear();
}

void ChainSteps::lose(std::uint64_t chains, std::uint64_t completions, std::string reason, bool at_least) {
    recorder_.lost(options_.session, {options_.queue, chains, completions, 0, std::move(reason), at_least});
}

}  // namespace vutrace::capture
