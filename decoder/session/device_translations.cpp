// What IOTLB messages change: the translations of an IOMMU that the driver's addresses go through.
#include "vutrace/session/device_state.h"

#include <vutrace/protocol/features.h>

namespace vutrace::session {

void DeviceState::set_translation(const Message& message, Change& change) {
    const auto iotlb = protocol::parse_iotlb(message.payload);
    if (!iotlb || (iotlb->type != protocol::Iotlb::update && iotlb->type != protocol::Iotlb::invalidate)) {
        return;
    }
    finish_invalidation(change);
    if (iotlb->type == protocol::Iotlb::invalidate) {
        invalidating_ = *iotlb;
        if (!message.header.needs_reply()) {
            finish_invalidation(change);
        }
        return;
    }
    iotlb_.update(iotlb->iova, iotlb->size, iotlb->user_address,
                  static_cast<virtio::Access>(iotlb->permission & static_cast<unsigned>(virtio::Access::both)));
    ++translations_;
    change.translations = true;
}

void DeviceState::finish_invalidation(Change& change) {
    if (invalidating_) {
        iotlb_.invalidate(invalidating_->iova, invalidating_->size);
        invalidating_.reset();
        ++translations_;
        change.translations = true;
    }
}

void DeviceState::translation_answered(const Pending& /*pending*/, ByteView /*payload*/, Change& change) {
    finish_invalidation(change);
}

std::optional<virtio::IovaSpace> DeviceState::iova_space() const noexcept {
    if (!has_feature(protocol::feature::ACCESS_PLATFORM)) {
        return std::nullopt;
    }
    return virtio::IovaSpace(iotlb_, region_table_, has_protocol_feature(protocol::protocol_feature::GPA_ADDRESSES));
}

}  // namespace vutrace::session
