#include "vutrace/replay/trace_recorder.h"

#include <vutrace/system/descriptor_kind.h>

#include <chrono>

namespace vutrace::replay {
namespace {

// The steady clock, anchored to the epoch once: never steps back.
std::int64_t trace_time() {
    using std::chrono::nanoseconds;
    static const nanoseconds anchor = std::chrono::system_clock::now().time_since_epoch() -
                                      nanoseconds(std::chrono::steady_clock::now().time_since_epoch());
    return (anchor + nanoseconds(std::chrono::steady_clock::now().time_since_epoch())).count();
}

DescriptorDescription describe_number(int number) {
    FileDescriptor borrowed(number);
    const DescriptorDescription description = describe_descriptor(borrowed);
    (void)borrowed.release();
    return description;
}

}  // namespace

Result<TraceRecorder> TraceRecorder::create(const std::string& path) {
    auto writer = trace::Writer::create(path);
    if (!writer) {
        return tl::unexpected(writer.error());
    }
    return TraceRecorder(std::move(*writer));
}

void TraceRecorder::append(const trace::RecordBody& body) {
    if (outcome_) {
        outcome_ = writer_.append(trace_time(), session_, body);
    }
}

void TraceRecorder::open_session(const Attributes& attributes) {
    ++session_;
    next_descriptor_ = 1;
    append(trace::SessionRecord{trace::SessionRecord::Kind::opened, attributes});
}

void TraceRecorder::close_session(const Attributes& attributes) {
    append(trace::SessionRecord{trace::SessionRecord::Kind::closed, attributes});
}

void TraceRecorder::message(Channel channel, Side sender, std::uint64_t offset, ByteView bytes,
                            std::span<const int> numbers) {
    trace::MessageRecord record;
    record.channel = channel;
    record.sender = sender;
    for (const int number : numbers) {
        record.descriptors.push_back({next_descriptor_++, describe_number(number)});
    }
    while (true) {
        const ByteView piece = bytes.first(std::min(bytes.size(), trace::max_message_piece));
        record.offset = offset;
        record.bytes.assign(piece.begin(), piece.end());
        append(record);
        bytes = bytes.subspan(piece.size());
        offset += piece.size();
        record.descriptors.clear();
        if (bytes.empty()) {
            return;
        }
    }
}

void TraceRecorder::chain(std::uint16_t queue, const trace::RingFields& fields, const trace::ChainEntry& entry) {
    append(trace::ChainRecord{queue, fields, {entry}});
}

Status TraceRecorder::finish() {
    return outcome_ ? writer_.flush() : outcome_;
}

}  // namespace vutrace::replay
