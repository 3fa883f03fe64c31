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
    const std::uint64_t last = record_->sequence + trace::sequence_count(*record_) - 1;
    if (inside_ != 0 && inside_ < last) {  // its last entry lies behind the row, or it does as a whole
        before_ = annotator_.tracker();
        inside_ = 0;
    }
    annotation_ = &annotator_.annotate(*record_);
    return true;
}

Result<session::Tracker> Cursor::state_after(std::uint64_t row) {
    if (row == 0 || row > index_->progress().rows) {
        return fail(ErrorCode::usage, "there is no such row");
    }
    const bool is_last = holds(row) && row + 1 == record_->sequence + trace::sequence_count(*record_);
    if (is_last) {
        return annotator_.tracker();
    }
    before_.reset();
    inside_ = row;
    Status read = go_before(row);
    record_.reset();
    annotation_ = nullptr;
    while (read && reader_->position().next_sequence <= row) {
        const auto more = next();
        read = more ? Status() : tl::unexpected(more.error());
        if (more && !*more) {
            break;
        }
    }
    inside_ = 0;
    if (!read) {
        reader_.reset();  // its place is not known
        return tl::unexpected(read.error());
    }
    if (!before_) {
        return annotator_.tracker();
    }
    session::Tracker tracker = std::move(*before_);
    before_.reset();
    if (record_ && record_->sequence <= row) {
        (void)tracker.apply_first(*record_, static_cast<std::size_t>(row - record_->sequence + 1));
    }
    return tracker;
}

// By a reader of its own: what this one passes over is of no interest to it.
Result<std::optional<Error>> Cursor::problem_of(std::uint64_t row) const {
    std::optional<Error> problem;
    if (row == 0 || row > index_->progress().rows) {
        return problem;
    }
    auto reader = trace::Reader::open(index_->readable_path());
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    if (const Status there = reader->seek(index_->before(row).position); !there) {
        return tl::unexpected(there.error());
    }
    reader->watch_passed_over([&](std::uint64_t sequence, const Error& error) {
        if (sequence == row) {
            problem = error;
        }
    });
    while (reader->position().next_sequence <= row) {
        const auto more = reader->next();
        if (!more) {
            return tl::unexpected(more.error());
        }
        if (!*more) {
            break;
        }
    }
    return problem;
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
