#include "vutrace/index/cursor.h"

#include <algorithm>
#include <utility>

namespace vutrace::index {

bool Cursor::holds(std::uint64_t row) const noexcept {
    return record_ && annotation_ != nullptr && row >= record_->sequence &&
           row - record_->sequence < trace::sequence_count(*record_);
}

// Goes on from where it is, unless a checkpoint is nearer.
Status Cursor::go_before(std::uint64_t row) {
    const TraceIndex::Checkpoint from = index_->before(row);
    if (reader_) {
        const std::uint64_t here = reader_->position().next_sequence;
        if (here <= row && here >= from.position.next_sequence) {
            return {};
        }
    } else {
        auto reader = trace::Reader::open(index_->readable_path());
        if (!reader) {
            return tl::unexpected(reader.error());
        }
        reader_ = std::move(*reader);
    }
    record_.reset();
    annotation_ = nullptr;
    annotator_ = *from.state;
    return reader_->seek(from.position);
}

Result<bool> Cursor::next() {
    auto record = reader_->next();
    if (!record) {
        return tl::unexpected(record.error());
    }
    if (!*record) {
        record_.reset();
        annotation_ = nullptr;
        return false;
    }
    ++records_read_;
    record_ = std::move(*record);
    annotation_ = &annotator_.annotate(*record_);
    return true;
}

Status Cursor::visit(std::uint64_t first, std::uint64_t last, const Visit& visit) {
    last = std::min(last, index_->progress().rows);
    first = std::max<std::uint64_t>(first, 1);
    if (first > last) {
        return {};
    }
    if (!holds(first)) {
        if (Status there = go_before(first); !there) {
            reader_.reset();  // its place is not known
            return there;
        }
    }
    for (std::uint64_t row = first; row <= last;) {
        if (!holds(row)) {
            if (reader_->position().next_sequence > last && !holds(last)) {
                return {};  // nothing of what is left can be decoded
            }
            auto more = next();
            if (!more) {
                reader_.reset();
                return tl::unexpected(more.error());
            }
            if (!*more || record_->sequence > last) {
                return {};
            }
            row = std::max(row, record_->sequence);
            if (!holds(row)) {
                continue;
            }
        }
        const std::uint64_t count = trace::sequence_count(*record_);
        for (; row <= last && row - record_->sequence < count; ++row) {
            if (!visit(*annotation_, static_cast<std::size_t>(row - record_->sequence))) {
                return {};
            }
        }
    }
    return {};
}

}  // namespace vutrace::index
