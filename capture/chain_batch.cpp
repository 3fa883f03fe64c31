#include "chain_batch.h"

#include <algorithm>
#include <utility>

namespace vutrace::capture {
namespace {

// Upper bounds of what docs/trace-format.md spends beside the literal bytes.
constexpr std::size_t record_overhead = 256;
constexpr std::size_t entry_overhead = 64;
constexpr std::size_t descriptor_bytes = 16;
constexpr std::size_t run_bytes = 16;

// A record that others wait for gets no larger than this, unless one entry alone does.
constexpr std::size_t preferred_record = 512U << 10U;

// An entry that once held a huge chain gives the memory back.
constexpr std::size_t kept_literal = 1U << 20U;
constexpr std::size_t kept_descriptors = 4096;

}  // namespace

ChainBatch::ChainBatch(std::uint16_t queue, std::size_t largest_record)
    : largest_record_(largest_record), soft_limit_(std::min(largest_record, preferred_record)) {
    body_.emplace<trace::ChainRecord>().queue = queue;
    record().entries.reserve(most_entries);
    spare_.reserve(most_entries);
    bytes_ = record_overhead;
}

trace::ChainEntry& ChainBatch::add() {
    auto& entries = record().entries;
    if (spare_.empty()) {
        return entries.emplace_back();
    }
    entries.push_back(std::move(spare_.back()));
    spare_.pop_back();
    return entries.back();
}

std::size_t ChainBatch::room(std::size_t descriptors) const noexcept {
    // Each buffer may become three runs (bytes, zeros, missing).
    const std::size_t taken = bytes_ + entry_overhead + descriptors * (descriptor_bytes + 3 * run_bytes);
    const std::size_t left = taken < largest_record_ ? largest_record_ - taken : 0;
    return left - left / 128;  // zero pages split the content into runs
}

bool ChainBatch::is_full_for(std::size_t descriptors, std::uint64_t content) const noexcept {
    if (empty()) {
        return false;
    }
    const std::size_t taken = bytes_ + entry_overhead + descriptors * (descriptor_bytes + 3 * run_bytes);
    return size() >= most_entries || taken > soft_limit_ || content > soft_limit_ - taken;
}

void ChainBatch::account() noexcept {
    const trace::ChainEntry& last = record().entries.back();
    bytes_ += entry_overhead + last.descriptors.size() * descriptor_bytes + last.content.runs().size() * run_bytes +
              last.content.literal().size();
}

void ChainBatch::flush(Recorder& recorder, std::uint32_t session, const trace::RingFields& fields,
                       std::optional<std::uint64_t> translations) noexcept {
    if (empty()) {
        return;
    }
    record().fields = fields;
    record().translations = translations;
    (void)recorder.record(session, body_);
    for (trace::ChainEntry& entry : record().entries) {
        trace::ChainEntry emptied;
        if (entry.content.literal().size() <= kept_literal && entry.descriptors.capacity() <= kept_descriptors) {
            emptied.descriptors = std::move(entry.descriptors);
            emptied.descriptors.clear();
            emptied.content = std::move(entry.content);
            emptied.content.clear();
        }
        spare_.push_back(std::move(emptied));
    }
    record().entries.clear();
    bytes_ = record_overhead;
}

}  // namespace vutrace::capture
