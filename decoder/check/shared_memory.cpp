// G. State transfer, shared memory regions, address translations.
#include "evidence.h"
#include "rule.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;

// VU103
class StateTransfer final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const bool refused = sight.answers(FrontEndRequest::SET_DEVICE_STATE_FD) && sight.payload.size() >= 8 &&
                             (load<std::uint64_t>(sight.payload) & 0xffU) != 0;
        if (sight.asks(FrontEndRequest::SET_DEVICE_STATE_FD)) {
            transfer_ = sight.record.sequence;
        } else if (refused || sight.answers(FrontEndRequest::CHECK_DEVICE_STATE)) {
            transfer_ = 0;
        } else if (const auto queue = started_queue(sight); queue && transfer_ != 0) {
            report(sight,
                   fmt::format("queue {} is started during the transfer of the device's state (record {}), which "
                               "CHECK_DEVICE_STATE has not ended",
                               *queue, transfer_));
        }
    }

  private:
    std::uint64_t transfer_{0};  // the record that began it
};

// VU104
std::optional<std::string> state_answer(const MessageSight& sight) {
    if (!sight.answers(FrontEndRequest::SET_DEVICE_STATE_FD) || sight.payload.size() != sizeof(std::uint64_t)) {
        return std::nullopt;
    }
    const auto value = load<std::uint64_t>(sight.payload);
    const bool no_descriptor = (value & 0x100U) != 0;
    const std::size_t descriptors = sight.message.descriptors.size();
    if ((value >> 9U) != 0) {
        return fmt::format("SET_DEVICE_STATE_FD is answered with 0x{:x}: bits 9 to 63 must be 0", value);
    }
    if (no_descriptor && descriptors != 0) {
        return fmt::format("SET_DEVICE_STATE_FD is answered with 0x{:x} and {}: bit 8 says that none comes", value,
                           count_text(descriptors, "descriptor"));
    }
    if (!no_descriptor && descriptors == 0 && (value & 0xffU) == 0 && !sight.message.descriptors_truncated) {
        return fmt::format("SET_DEVICE_STATE_FD is answered with 0x{:x} and no descriptor: bit 8 does not say so",
                           value);
    }
    return std::nullopt;
}

// What a device's request asks to be mapped: the driver may touch it once that is used. Regions by number: virtio, File
// System Device and GPU Device, "Shared memory regions".
std::optional<protocol::SharedMap> wanted_map(const ChainSight& sight) {
    constexpr std::uint32_t fs_device = 26;
    constexpr std::uint8_t fs_cache = 0;
    constexpr std::uint32_t gpu_device = 16;
    constexpr std::uint8_t gpu_host_visible = 1;
    constexpr std::uint32_t setup_mapping = 48;  // FUSE_SETUPMAPPING
    constexpr std::uint32_t map_blob = 0x208;    // VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB
    const trace::Content& request = sight.known.context.readable;
    Bytes bytes(80);
    protocol::SharedMap wanted;
    if (sight.annotation.device == fs_device && request.read(0, bytes) &&
        load<std::uint32_t>(bytes, 4) == setup_mapping) {
        wanted.region = fs_cache;
        wanted.region_offset = load<std::uint64_t>(bytes, 72);
        wanted.length = load<std::uint64_t>(bytes, 56);
        return wanted;
    }
    bytes.resize(40);
    if (sight.annotation.device == gpu_device && request.read(0, bytes) && load<std::uint32_t>(bytes) == map_blob) {
        wanted.region = gpu_host_visible;
        wanted.region_offset = load<std::uint64_t>(bytes, 32);
        wanted.length = 1;  // how much is not in the request
        return wanted;
    }
    return std::nullopt;
}

// VU105
class SharedMaps final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.answers(FrontEndRequest::GET_SHMEM_CONFIG) && sight.whole) {
            sizes_.assign(sight.payload.begin(), sight.payload.end());
        } else if (resets_device(sight)) {
            forget();  // whether maps outlive a reset is the front-end's choice
        }
        if (sight.message.channel != Channel::back_end) {
            return;
        }
        if (!sight.what.asks) {
            take_answer(sight);
        } else if (sight.header.request == map_request || sight.header.request == unmap_request) {
            if (const auto map = protocol::parse_shared_map(sight.payload)) {
                sight.header.request == map_request ? add(sight, *map) : remove(sight, *map);
            }
        }
    }
    void chain(const ChainSight& sight) override {
        if (!sight.used() || maps_.empty()) {
            return;
        }
        const auto wanted = wanted_map(sight);
        for (Map& known : maps_) {
            if (wanted && !known.acknowledged && !known.used_early && overlap(known.map, *wanted)) {
                known.used_early =
                    finding(sight, early_text(known, fmt::format("head {} of queue {} is used, which hands "
                                                                 "it to the driver,",
                                                                 sight.entry.head, sight.chain.queue)));
            }
        }
    }
    void other(const Sight& sight) override {
        const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body);
        if (gap != nullptr && gap->queue == trace::no_queue && gap->records != 0) {
            forget();
        }
    }
    void end(const EndSight& /*sight*/) override {
        for (Map& known : maps_) {
            if (known.used_early) {
                report(*std::exchange(known.used_early, std::nullopt));
            }
        }
    }

  private:
    static constexpr std::uint32_t map_request = 9;
    static constexpr std::uint32_t unmap_request = 10;
    static constexpr std::size_t most_maps = 4096;

    struct Map {
        protocol::SharedMap map;
        std::uint64_t sequence{0};
        bool acknowledged{true};
        std::optional<Finding> used_early;  // until the order of messages and rings is clear
    };

    static bool overlap(const protocol::SharedMap& a, const protocol::SharedMap& b) noexcept {
        return a.region == b.region &&
               (a.region_offset < b.region_offset ? b.region_offset - a.region_offset < a.length
                                                  : a.region_offset - b.region_offset < b.length);
    }
    static std::string range_text(const protocol::SharedMap& map) {
        return fmt::format("0x{:x} bytes at 0x{:x} of shared memory region {}", map.length, map.region_offset,
                           map.region);
    }
    static std::string early_text(const Map& known, std::string_view how) {
        return fmt::format("{} before the map of {} in record {} is acknowledged", how, range_text(known.map),
                           known.sequence);
    }

    void forget() {
        maps_.clear();
        complete_ = false;
    }

    void check_place(const MessageSight& sight, const protocol::SharedMap& map) const {
        constexpr std::size_t first_size = 8;
        const std::size_t at = first_size + std::size_t{8} * map.region;
        const auto size = load<std::uint64_t>(sizes_, at);
        const bool known = sizes_.size() >= at + 8;
        const bool wraps = map.length > UINT64_MAX - map.region_offset;
        if (map.length == 0 || wraps || (known && map.region_offset + map.length > size)) {
            report(sight,
                   fmt::format("{} maps {}{}", sight.what.request, range_text(map),
                               known ? fmt::format(", which has 0x{:x}", size) : std::string(": no such range")));
        }
    }

    void add(const MessageSight& sight, const protocol::SharedMap& map) {
        check_place(sight, map);
        const auto other =
            std::find_if(maps_.begin(), maps_.end(), [&](const Map& known) { return overlap(known.map, map); });
        if (other != maps_.end()) {
            report(sight, fmt::format("{} maps {}, which overlaps {} of record {}", sight.what.request, range_text(map),
                                      range_text(other->map), other->sequence));
        }
        if (maps_.size() >= most_maps) {
            forget();
        }
        // Without an acknowledgement due the back-end cannot know when the map is there.
        maps_.push_back({map, sight.record.sequence, !explain::is_due(sight.what.answer), std::nullopt});
    }

    void remove(const MessageSight& sight, const protocol::SharedMap& map) {
        const auto same = std::find_if(maps_.begin(), maps_.end(), [&](const Map& known) {
            return known.map.region == map.region && known.map.region_offset == map.region_offset &&
                   known.map.length == map.length;
        });
        if (same == maps_.end()) {
            if (complete_ && !sight.after.opened.empty()) {
                report(sight, fmt::format("{} names {}, which is not mapped so", sight.what.request, range_text(map)));
            }
            return;
        }
        if (!same->acknowledged) {
            report(sight, early_text(*same, "SHMEM_UNMAP comes"));
        }
        maps_.erase(same);
    }

    void take_answer(const MessageSight& sight) {
        const auto& request = sight.what.exchange.answered;
        const auto known = std::find_if(maps_.begin(), maps_.end(),
                                        [&](const Map& map) { return request && request->sequence == map.sequence; });
        if (known == maps_.end()) {
            return;
        }
        known->acknowledged = true;
        if (known->used_early && explain::elapsed(known->used_early->time, sight.record.time) > channel_delay) {
            report(*known->used_early);
        }
        known->used_early.reset();
        if (sight.payload.size() == sizeof(std::uint64_t) && load<std::uint64_t>(sight.payload) != 0) {
            maps_.erase(known);
        }
    }

    Bytes sizes_;            // the GET_SHMEM_CONFIG answer; bounded: one record's payload
    std::vector<Map> maps_;  // bounded: most_maps
    bool complete_{true};    // every map of the session is known
};

// VU106. A translation may lie in several regions where these are neighbours.
std::optional<std::string> translation(const MessageSight& sight) {
    const auto message = sight.asks(FrontEndRequest::IOTLB_MSG) ? protocol::parse_iotlb(sight.payload)
                                                                : Result<protocol::Iotlb>(protocol::Iotlb{});
    if (!sight.asks(FrontEndRequest::IOTLB_MSG) || !message || message->type != protocol::Iotlb::update ||
        message->size == 0 || sight.before.regions().empty()) {
        return std::nullopt;
    }
    const bool guest = sight.before.has_protocol_feature(protocol::protocol_feature::GPA_ADDRESSES);
    const virtio::RegionTable regions = sight.before.region_table();
    std::uint64_t address = message->user_address;
    std::uint64_t left = message->size;
    for (std::size_t step = 0; step <= regions.regions.size(); ++step) {
        const virtio::Region* region = guest ? regions.find_guest(address, 1) : regions.find_user(address, 1);
        if (region == nullptr) {
            break;
        }
        const std::uint64_t there = region->size - (address - (guest ? region->guest_address : region->user_address));
        if (there >= left) {
            return std::nullopt;
        }
        address += there;
        left -= there;
    }
    return fmt::format(
        "the translation of 0x{:x} bytes at I/O address 0x{:x} goes to 0x{:x}: 0x{:x} is in no memory region",
        message->size, message->iova, message->user_address, address);
}

constexpr const char* transfer_section = "vhost-user, Migrating back-end state";

constexpr std::array rows{
    RuleRow{{"VU103", Severity::error, Violator::front_end,
             "After SET_DEVICE_STATE_FD rings stay stopped until CHECK_DEVICE_STATE was answered.", transfer_section,
             "The device's state is being written or read: requests in between would change it.", ""},
            make_rule<StateTransfer>,
            wants_messages},
    RuleRow{
        {"VU104", Severity::error, Violator::back_end,
         "SET_DEVICE_STATE_FD is answered with a descriptor or with bit 8, and bits 9 to 63 are 0.", transfer_section,
         "Bits 0 to 7 are an error, bit 8 says that the front-end's descriptor is used. A failure comes without a "
         "descriptor, with bit 8 (rust-vmm, crosvm: 0x101) or without.",
         ""},
        make_rule<MessageRule<state_answer>>,
        wants_messages},
    RuleRow{
        {"VU105", Severity::error, Violator::back_end,
         "Shared memory is mapped inside its region and beside what is mapped, used once it is acknowledged, and "
         "unmapped as it was mapped.",
         "vhost-user, Back-end message types: VHOST_USER_BACKEND_SHMEM_MAP",
         "The front-end puts the file into the guest's view of the device. Until it says that it did, nothing is "
         "there: a driver that is told of it faults. Found where SHMEM_UNMAP comes first, and where the virtio-fs or "
         "virtio-gpu request that asked for the map is used first. The protocol feature has been bits 20, 21 and 22, "
         "so "
         "that it is not asked for.",
         ""},
        make_rule<SharedMaps>,
        wants_messages | wants_chains | wants_others},
    RuleRow{{"VU106", Severity::error, Violator::front_end,
             "Translations of the IOTLB go to addresses inside the memory regions.",
             "vhost-user, Front-end message types: VHOST_USER_IOTLB_MSG",
             "DPDK refuses others. That every address which the back-end uses has a translation is not checked: DPDK "
             "uses a "
             "packed chain that has none and drops its frame, and a trace may know of a translation later than the "
             "back-end.",
             ""},
            make_rule<MessageRule<translation>>,
            wants_messages},
};

}  // namespace

RuleRows shared_memory_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
