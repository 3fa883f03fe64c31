#include <vutrace/explain/shared_areas.h>
#include <vutrace/protocol/features.h>

#include <algorithm>

namespace vutrace::explain {
namespace {

using Part = trace::MemoryRecord::Part;

// From the beginning on, up to what was not captured.
std::size_t known_bytes(const trace::Content& content) noexcept {
    std::uint64_t known = 0;
    for (const trace::Run& run : content.runs()) {
        if (run.kind == trace::RunKind::missing || known >= virtio::most_inflight_bytes) {
            break;
        }
        known += run.length;
    }
    return static_cast<std::size_t>(std::min(known, virtio::most_inflight_bytes));
}

std::optional<virtio::InflightArea> inflight_of(const trace::MemoryRecord& record, const session::DeviceState& device) {
    const auto& known = device.inflight_area();
    if (!known || record.address != 0) {
        return std::nullopt;
    }
    const virtio::InflightShape shape{known->mmap_size, known->num_queues, known->queue_size,
                                      device.has_feature(protocol::feature::RING_PACKED)};
    Bytes bytes(known_bytes(record.content));
    (void)record.content.read(0, bytes);
    return virtio::parse_inflight_area(shape, bytes);
}

// Runs of zeros and of bytes that are missing cost nothing: a log of them may claim any length.
virtio::DirtyPages dirty_pages_of(const trace::MemoryRecord& record) {
    virtio::DirtyPages dirty;
    std::uint64_t offset = record.address;
    std::size_t literal = 0;
    for (const trace::Run& run : record.content.runs()) {
        if (offset > UINT64_MAX / 8 - run.length) {
            break;  // no page has such a number
        }
        if (run.kind == trace::RunKind::literal) {
            const auto length = static_cast<std::size_t>(run.length);
            dirty.add(offset * 8, record.content.literal().subspan(literal, length));
            literal += length;
        }
        offset += run.length;
    }
    return dirty;
}

}  // namespace

SharedAreaAnnotation explain_shared_area(const trace::MemoryRecord& record, const session::DeviceState& device) {
    SharedAreaAnnotation area;
    if (record.part == Part::inflight) {
        area.inflight = inflight_of(record, device);
    } else if (record.part == Part::log) {
        area.dirty = dirty_pages_of(record);
    }
    return area;
}

}  // namespace vutrace::explain
