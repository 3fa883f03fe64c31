// The beginning of an Ethernet frame as fields: addresses, what it carries, and of IP and ARP who speaks to whom.
#pragma once

#include "table.h"

namespace vutrace::virtio::ethernet {

// The frame that begins where `reader` stands, as the group `frame`. What is behind the headers that are known, or was
// not captured, is left out.
void read_frame(LayoutReader& reader, RequestBuilder& out);

// The fields that it may add.
extern const std::array<FieldInfo, 1> frame_fields;

}  // namespace vutrace::virtio::ethernet
