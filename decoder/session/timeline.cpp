#include "vutrace/session/timeline.h"

namespace vutrace::session {
namespace {

constexpr std::uint64_t records_between_progress = 4096;

// How many entries of a record lie at or before `sequence`.
std::size_t entries_until(const trace::Record& record, std::uint64_t sequence) noexcept {
    return static_cast<std::size_t>(sequence - record.sequence + 1);
}

bool ends_after(const trace::Record& record, std::uint64_t sequence) noexcept {
    return record.sequence + trace::sequence_count(record) - 1 > sequence;
}

}  // namespace

Timeline::Timeline(std::string path, CheckpointPolicy policy, trace::Reader reader, MemoryTracking memory)
    : path_(std::move(path)),
      reader_(std::move(reader)),
      tracker_(memory),
      checkpoints_(policy, reader_.position(), tracker_) {}

Result<Timeline> Timeline::open(const std::string& path, CheckpointPolicy policy, MemoryTracking memory) {
    auto reader = trace::Reader::open(path);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    return Timeline(path, policy, std::move(*reader), memory);
}

Result<Tracker> Timeline::state_after(std::uint64_t sequence, const Progress& progress, const std::stop_token& stop) {
    if (sequence == 0) {
        return fail(ErrorCode::usage, "records are numbered from 1");
    }
    return sequence >= reader_.position().next_sequence ? advance(sequence, progress, stop)
                                                        : read_again(sequence, stop);
}

// Reads on where nobody has read before.
Result<Tracker> Timeline::advance(std::uint64_t sequence, const Progress& progress, const std::stop_token& stop) {
    for (;;) {
        if (stop.stop_requested()) {
            return fail(ErrorCode::limit, "going to the record was stopped");
        }
        const trace::Position before = reader_.position();
        auto record = reader_.next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        if (!*record) {
            const std::uint64_t count = reader_.position().next_sequence - 1;
            if (sequence <= count) {
                return tracker_;  // the last records of the trace cannot be decoded
            }
            return fail(ErrorCode::usage, "there is no record " + std::to_string(sequence) + ": the trace has " +
                                              std::to_string(count) +
                                              (reader_.problems().torn ? ", and is torn behind them" : ""));
        }
        ++records_read_;
        if (progress && records_read_ % records_between_progress == 0) {
            progress(reader_.position().offset, reader_.file_size());
        }
        const bool reached = sequence < reader_.position().next_sequence;
        std::optional<Tracker> inside;
        if (reached && (ends_after(**record, sequence) || (*record)->sequence > sequence)) {
            recent_ = Checkpoint{before, std::make_shared<const Tracker>(tracker_)};
            inside = tracker_;
            if ((*record)->sequence <= sequence) {
                inside->apply_first(**record, entries_until(**record, sequence));
            }
        }
        tracker_.apply(**record);
        checkpoints_.offer(reader_.position(), tracker_);
        if (reached) {
            return inside ? std::move(*inside) : tracker_;
        }
    }
}

const Timeline::Checkpoint& Timeline::nearest(std::uint64_t sequence) const noexcept {
    const Checkpoint& kept = checkpoints_.before(sequence + 1);
    const bool closer = recent_ && recent_->position.next_sequence <= sequence + 1 &&
                        recent_->position.next_sequence > kept.position.next_sequence;
    return closer ? *recent_ : kept;
}

// Compressed traces cannot be sought in: there the way leads from the front.
Status Timeline::go_back_to(const trace::Position& position) {
    if (again_ && again_->seek(position)) {
        return {};
    }
    if (!again_ || again_->position().offset > position.offset) {
        auto reader = trace::Reader::open(path_);
        if (!reader) {
            return tl::unexpected(reader.error());
        }
        again_ = std::move(*reader);
        if (again_->seek(position)) {
            return {};
        }
    }
    while (again_->position().offset < position.offset) {
        auto record = again_->next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        if (!*record) {
            return fail(ErrorCode::system, "the trace has become shorter", position.offset);
        }
        ++records_read_;
    }
    return {};
}

Result<Tracker> Timeline::read_again(std::uint64_t sequence, const std::stop_token& stop) {
    const Checkpoint from = nearest(sequence);
    if (Status there = go_back_to(from.position); !there) {
        return tl::unexpected(there.error());
    }
    Tracker tracker = *from.state;
    while (again_->position().next_sequence <= sequence) {
        if (stop.stop_requested()) {
            return fail(ErrorCode::limit, "going to the record was stopped");
        }
        const trace::Position before = again_->position();
        auto record = again_->next();
        if (!record) {
            return tl::unexpected(record.error());
        }
        if (!*record || (*record)->sequence > sequence) {
            return tracker;  // it cannot be decoded, as when it was read first
        }
        ++records_read_;
        if (sequence < again_->position().next_sequence) {
            recent_ = Checkpoint{before, std::make_shared<const Tracker>(tracker)};
            tracker.apply_first(**record, entries_until(**record, sequence));
            return tracker;
        }
        tracker.apply(**record);
    }
    return tracker;
}

}  // namespace vutrace::session
