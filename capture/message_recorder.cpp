#include "message_recorder.h"

#include <utility>

namespace vutrace::capture {

void MessageRecorder::record(Channel channel, const ForwardedPiece& piece) noexcept {
    auto& record = std::get<trace::MessageRecord>(record_);
    record.channel = channel;
    record.sender = piece.sender;
    record.incomplete = piece.incomplete;
    record.descriptors_truncated = piece.descriptors_truncated;
    record.offset = piece.offset;
    record.bytes.assign(piece.bytes.begin(), piece.bytes.end());
    record.descriptors.clear();
    for (const FileDescriptor& descriptor : piece.descriptors) {
        piece.descriptor_ids.push_back(next_descriptor_id_);
        record.descriptors.push_back({next_descriptor_id_++, describe_descriptor(descriptor)});
    }
    (void)recorder_.record(session_, record_);
}

void MessageRecorder::record(trace::MemoryRecord memory) noexcept {
    (void)recorder_.record(session_, std::move(memory));
}

void MessageRecorder::lost(const trace::GapRecord& gap) noexcept {
    recorder_.lost(session_, gap);
}

void MessageRecorder::note(trace::NoteRecord::Severity severity, std::string text) noexcept {
    (void)recorder_.record(session_, trace::NoteRecord{severity, trace::no_queue, std::move(text)});
}

}  // namespace vutrace::capture
