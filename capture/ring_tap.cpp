#include "ring_tap.h"

#include <fmt/format.h>

#include <utility>

namespace vutrace::capture {

RingTap::ScanResult RingTap::scan() {
    ScanResult result;
    steps_.begin_scan();
    const auto until = std::chrono::steady_clock::now() + longest_scan;
    const std::uint32_t size = virtio::size_of(layout());
    const std::size_t most_entries = 2 * std::size_t{size};
    const std::uint64_t followed_before = followed();
    for (std::size_t found = pass(); found != 0; found = pass()) {
        result.entries += found;
        if (result.entries >= most_entries || steps_.has_copied_enough() || std::chrono::steady_clock::now() >= until) {
            result.more = true;
            break;
        }
    }
    result.bytes = steps_.bytes_copied();
    result.fast = size != 0 && (followed() - followed_before) * fast_share >= size;
    return result;
}

void RingTap::lose(std::uint64_t chains, std::uint64_t completions, std::string reason) {
    steps_.lose(chains, completions, std::move(reason), rounds_.tell_doubt());
}

void RingTap::say_doubt() {
    if (!rounds_.in_doubt()) {
        return;
    }
    (void)rounds_.tell_doubt();
    using Microseconds = std::chrono::duration<double, std::micro>;
    (void)steps_.recorder().record(
        steps_.options().session,
        trace::NoteRecord{trace::NoteRecord::Severity::info, steps_.options().queue,
                          fmt::format("looks at the ring were up to {:.0f} µs apart while it was in motion: had it "
                                      "gone all the way round in between, nothing would show it",
                                      Microseconds(rounds_.longest()).count())});
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
        lose(0, 0,
             ended_ ? "at the last look, after the queue had ended, an index was further ahead than "
                      "the queue holds: its memory may have been used for something else"
                    : "both indices went to 0, further than the queue holds: its memory was cleared");
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
