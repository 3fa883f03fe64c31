#include "ring_tap.h"

#include <utility>

namespace vutrace::capture {

RingTap::ScanResult RingTap::scan() {
    ScanResult result;
    steps_.begin_scan();
    const auto until = std::chrono::steady_clock::now() + longest_scan;
    const std::size_t most_entries = 2 * std::size_t{virtio::size_of(layout())};
    for (std::size_t found = pass(); found != 0; found = pass()) {
        result.entries += found;
        if (result.entries >= most_entries || steps_.has_copied_enough() || std::chrono::steady_clock::now() >= until) {
            result.more = true;
            break;
        }
    }
    result.bytes = steps_.bytes_copied();
    return result;
}

void RingTap::note_once(bool& said, std::string text) {
    if (!std::exchange(said, true)) {
        (void)steps_.recorder().record(
            steps_.options().session,
            trace::NoteRecord{trace::NoteRecord::Severity::warning, steps_.options().queue, std::move(text)});
    }
}

void RingTap::note_reused() {
    if (!std::exchange(said_reused_, true)) {
        steps_.lose(0, 0,
                    "at the last look, after the queue had ended, an index was further ahead than "
                    "the queue holds: its memory may have been used for something else");
    }
}

void record_ring_parts(const std::vector<RingPart>& parts, const virtio::GuestMemory& memory, std::uint16_t queue,
                       std::uint32_t session, Recorder& recorder) {
    for (const RingPart& part : parts) {
        trace::MemoryRecord record{part.part, trace::Proof::late, queue, part.address, {}};
        Bytes bytes(part.length);
        if (memory.read(part.address, bytes)) {
            record.content.add_compacted(bytes);
        } else {
            record.content.add_missing(part.length);
            record.proof = trace::Proof::absent;
        }
        (void)recorder.record(session, std::move(record));
    }
}

void record_ring_parts(const RingTap& tap, std::uint16_t queue, std::uint32_t session, Recorder& recorder) {
    if (tap.mappings() != nullptr) {
        record_ring_parts(tap.parts(), *tap.mappings(), queue, session, recorder);
    }
}

}  // namespace vutrace::capture
