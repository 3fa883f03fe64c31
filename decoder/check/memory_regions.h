// What messages say of memory regions.
#pragma once

#include "rule.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace vutrace::check {

[[nodiscard]] inline bool has_xen_regions(const MessageSight& sight) noexcept {
    return sight.before.has_protocol_feature(protocol::protocol_feature::XEN_MMAP);
}

// SET_MEM_TABLE with regions, not the acknowledgement of the same number that the front-end sends in postcopy.
[[nodiscard]] inline bool hands_over_table(const MessageSight& sight) noexcept {
    return sight.asks(protocol::FrontEndRequest::SET_MEM_TABLE) && sight.whole &&
           !(sight.before.postcopy_active() && sight.message.descriptors.empty());
}

// The regions that SET_MEM_TABLE or ADD_MEM_REG hands over; empty for any other message, or where they cannot be read.
[[nodiscard]] inline std::vector<protocol::MemoryRegion> given_regions(const MessageSight& sight) {
    if (hands_over_table(sight)) {
        auto table = protocol::parse_memory_regions(sight.payload, has_xen_regions(sight));
        return table ? std::move(*table) : std::vector<protocol::MemoryRegion>();
    }
    if (sight.asks(protocol::FrontEndRequest::ADD_MEM_REG)) {
        if (const auto region = protocol::parse_memory_region(sight.payload, has_xen_regions(sight))) {
            return {*region};
        }
    }
    return {};
}

// The region that REM_MEM_REG names; empty for any other message.
[[nodiscard]] inline std::optional<protocol::MemoryRegion> removed_region(const MessageSight& sight) {
    if (!sight.asks(protocol::FrontEndRequest::REM_MEM_REG)) {
        return std::nullopt;
    }
    const auto region = protocol::parse_memory_region(sight.payload, has_xen_regions(sight));
    return region ? std::optional(*region) : std::nullopt;
}

// The region of that name, as REM_MEM_REG matches them; null where there is none.
[[nodiscard]] inline const session::KnownRegion* find_region(const session::DeviceState& state,
                                                             const protocol::MemoryRegion& named) noexcept {
    const auto& regions = state.regions();
    const auto found = std::find_if(regions.begin(), regions.end(), [&](const session::KnownRegion& known) {
        return known.region.guest_address == named.guest_address && known.region.size == named.size &&
               known.region.user_address == named.user_address;
    });
    return found == regions.end() ? nullptr : &*found;
}

}  // namespace vutrace::check
