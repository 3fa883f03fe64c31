#include "feature_table.h"

#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::protocol {
namespace {

constexpr unsigned bits_carried = 64;

constexpr bool ordered(std::span<const FeatureInfo> table) {
    for (std::size_t row = 1; row < table.size(); ++row) {
        const FeatureInfo& previous = table[row - 1];
        const FeatureInfo& next = table[row];
        const bool same_device = previous.device == next.device;
        if (same_device ? previous.bit >= next.bit : previous.device > next.device) {
            return false;
        }
    }
    return std::all_of(table.begin(), table.end(), [](const FeatureInfo& row) { return row.bit < bits_carried; });
}

constexpr std::string_view name_in(std::span<const FeatureInfo> table, std::uint32_t device, unsigned bit) {
    const auto row = std::find_if(table.begin(), table.end(), [device, bit](const FeatureInfo& candidate) {
        return candidate.device == device && candidate.bit == bit;
    });
    return row == table.end() ? std::string_view{} : row->name;
}

static_assert(ordered(feature_table));
static_assert(ordered(protocol_feature_table));
static_assert(name_in(feature_table, 0, feature::LOG_ALL) == "LOG_ALL");
static_assert(name_in(feature_table, 0, feature::RING_INDIRECT_DESC) == "RING_INDIRECT_DESC");
static_assert(name_in(feature_table, 0, feature::RING_EVENT_IDX) == "RING_EVENT_IDX");
static_assert(name_in(feature_table, 0, feature::PROTOCOL_FEATURES) == "PROTOCOL_FEATURES");
static_assert(name_in(feature_table, 0, feature::VERSION_1) == "VERSION_1");
static_assert(name_in(feature_table, 0, feature::ACCESS_PLATFORM) == "ACCESS_PLATFORM");
static_assert(name_in(feature_table, 0, feature::RING_PACKED) == "RING_PACKED");
static_assert(name_in(feature_table, 0, feature::IN_ORDER) == "IN_ORDER");
static_assert(protocol_feature_table.size() == protocol_feature::GET_VRING_BASE_SKIP_DRAIN + 1);
static_assert(name_in(protocol_feature_table, 0, protocol_feature::REPLY_ACK) == "REPLY_ACK");
static_assert(name_in(protocol_feature_table, 0, protocol_feature::CONFIGURE_MEM_SLOTS) == "CONFIGURE_MEM_SLOTS");
static_assert(name_in(protocol_feature_table, 0, protocol_feature::SHMEM) == "SHMEM");

// A bit of the device's own goes before a common one: net has a legacy use of bit 41.
std::vector<std::string> names_of(std::uint64_t mask, std::span<const FeatureInfo> table, std::uint32_t device) {
    std::vector<std::string> names;
    for (unsigned bit = 0; bit < bits_carried; ++bit) {
        if (!has(mask, bit)) {
            continue;
        }
        std::string_view name = name_in(table, device, bit);
        if (name.empty()) {
            name = name_in(table, 0, bit);
        }
        names.push_back(name.empty() ? fmt::format("bit {}", bit) : std::string(name));
    }
    return names;
}

}  // namespace

std::span<const FeatureInfo> features() noexcept {
    return feature_table;
}

std::span<const FeatureInfo> protocol_features() noexcept {
    return protocol_feature_table;
}

std::vector<std::string> feature_names(std::uint64_t mask, std::uint32_t device) {
    return names_of(mask, feature_table, device);
}

std::vector<std::string> protocol_feature_names(std::uint64_t mask) {
    return names_of(mask, protocol_feature_table, 0);
}

}  // namespace vutrace::protocol
