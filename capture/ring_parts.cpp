#include "ring_parts.h"

#include <array>
#include <utility>

namespace vutrace::capture {

void record_ring_parts(const LiveRing& ring, std::uint16_t queue, std::uint32_t session, Recorder& recorder) {
    if (!ring.placed()) {
        return;
    }
    using Part = trace::MemoryRecord::Part;
    struct Piece {
        Part part;
        std::uint64_t address;
        std::uint64_t length;
    };
    const virtio::SplitRingLayout& layout = ring.layout();
    const std::uint64_t unused = ring.has_event_index() ? 0 : sizeof(std::uint16_t);
    const std::array pieces{Piece{Part::descriptor, layout.descriptor, layout.descriptor_bytes()},
                            Piece{Part::available, layout.available, layout.available_bytes() - unused},
                            Piece{Part::used, layout.used, layout.used_bytes() - unused}};
    for (const Piece& piece : pieces) {
        trace::MemoryRecord record{piece.part, trace::Proof::late, queue, piece.address, {}};
        Bytes bytes(piece.length);
        if (ring.mappings()->read(piece.address, bytes)) {
            record.content.add_compacted(bytes);
        } else {
            record.content.add_missing(piece.length);
            record.proof = trace::Proof::absent;
        }
        (void)recorder.record(session, std::move(record));
    }
}

}  // namespace vutrace::capture
