#include "vutrace/trace/content.h"

#include <algorithm>

namespace vutrace::trace {
namespace {

constexpr std::size_t block_size = 4096;  // counted from the start of the bytes, whatever their address

bool all_zero(ByteView bytes) noexcept {
    // Comparing the block with itself one byte further on lets memcmp's vector code do the work.
    return bytes.front() == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

void Content::clear() noexcept {
    runs_.clear();
    literal_.clear();
    size_ = 0;
}

std::uint64_t Content::add_run(RunKind kind, std::uint64_t length) {
    length = std::min(length, max_content_size - size_);
    if (length == 0) {
        return 0;
    }
    if (!runs_.empty() && runs_.back().kind == kind) {
        runs_.back().length += length;
    } else {
        runs_.push_back({kind, length});
    }
    size_ += length;
    return length;
}

void Content::add_literal(ByteView bytes) {
    const std::uint64_t taken = add_run(RunKind::literal, bytes.size());
    const ByteView piece = bytes.first(static_cast<std::size_t>(taken));
    literal_.insert(literal_.end(), piece.begin(), piece.end());
}

MutableByteView Content::add_literal_space(std::size_t size) {
    const std::size_t at = literal_.size();
    const std::uint64_t taken = add_run(RunKind::literal, size);
    literal_.resize(at + static_cast<std::size_t>(taken));
    return MutableByteView(literal_).subspan(at);
}

void Content::add_zeros(std::uint64_t length) {
    add_run(RunKind::zeros, length);
}

void Content::add_missing(std::uint64_t length) {
    add_run(RunKind::missing, length);
}

void Content::add_compacted(ByteView bytes) {
    std::size_t literal_from = 0;
    for (std::size_t at = 0; at < bytes.size(); at += block_size) {
        const ByteView block = bytes.subspan(at, std::min(block_size, bytes.size() - at));
        if (block.size() < minimum_zeros || !all_zero(block)) {
            continue;
        }
        add_literal(bytes.subspan(literal_from, at - literal_from));
        add_zeros(block.size());
        literal_from = at + block.size();
    }
    add_literal(bytes.subspan(literal_from));
}

std::uint64_t Content::missing() const noexcept {
    std::uint64_t total = 0;
    for (const Run& run : runs_) {
        total += run.kind == RunKind::missing ? run.length : 0;
    }
    return total;
}

bool Content::read(std::uint64_t offset, MutableByteView out) const noexcept {
    bool whole = true;
    std::uint64_t run_begin = 0;
    std::size_t literal_begin = 0;
    for (const Run& run : runs_) {
        if (out.empty()) {
            break;
        }
        const std::uint64_t run_end = run_begin + run.length;
        if (offset < run_end) {
            const std::uint64_t in_run = offset - run_begin;
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), run.length - in_run));
            if (run.kind == RunKind::literal) {
                std::memcpy(out.data(), literal_.data() + literal_begin + in_run, count);
            } else {
                std::memset(out.data(), 0, count);
                whole = whole && run.kind == RunKind::zeros;
            }
            out = out.subspan(count);
            offset += count;
        }
        run_begin = run_end;
        literal_begin += run.kind == RunKind::literal ? static_cast<std::size_t>(run.length) : 0;
    }
    if (!out.empty()) {
        std::memset(out.data(), 0, out.size());
        whole = false;
    }
    return whole;
}

}  // namespace vutrace::trace
