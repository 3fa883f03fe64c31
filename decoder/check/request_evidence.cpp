#include "request_evidence.h"

namespace vutrace::check {

bool is_walked(const ChainSight& sight) noexcept {
    if (!sight.known.descriptors_known) {
        return false;
    }
    if (!sight.used()) {
        return sight.entry.problem == 0;
    }
    const auto offer = sight.ring.open.find(sight.entry.head);
    return offer != sight.ring.open.end() && offer->second.problem == 0 && offer->second.certain;
}

bool FileSystemEvidence::is_file_system(const ChainSight& sight) {
    if (sight.annotation.device != 0) {
        return sight.annotation.device == virtio::file_system::device_id;
    }
    if (!seen_ && !sight.used() && sight.entry.content.size() >= virtio::file_system::request_header_size + 4) {
        const auto bytes = readable_bytes<virtio::file_system::request_header_size + 4>(sight);
        seen_ = bytes && virtio::file_system::looks_like_init(*bytes, sight.known.readable_total);
    }
    return seen_;
}

}  // namespace vutrace::check
