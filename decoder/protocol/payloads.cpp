#include <vutrace/base/count_text.h>
#include <vutrace/protocol/payloads.h>

#include <fmt/format.h>

#include <string_view>

namespace vutrace::protocol {
namespace {

constexpr std::size_t region_size = 32;
constexpr std::size_t xen_region_size = 40;

// Senders write sizeof(struct): the last bytes are compiler padding, which no parser needs.
constexpr std::size_t inflight_padding = 4;
constexpr std::size_t iotlb_padding = 6;
constexpr std::size_t shared_map_padding = 7;

tl::unexpected<Error> too_short(std::string_view what, std::size_t size, std::size_t needed) {
    return fail(ErrorCode::bad_input,
                fmt::format("{}: payload of {}, {} needed", what, count_text(size, "byte"), needed), size);
}

MemoryRegion read_region(ByteReader& reader, bool xen_mmap) {
    MemoryRegion region{.guest_address = reader.read<std::uint64_t>(),
                        .size = reader.read<std::uint64_t>(),
                        .user_address = reader.read<std::uint64_t>(),
                        .mmap_offset = reader.read<std::uint64_t>()};
    if (xen_mmap) {
        region.xen_mmap_flags = reader.read<std::uint32_t>();
        region.xen_domain = reader.read<std::uint32_t>();
    }
    return region;
}

void write_region(ByteWriter& writer, const MemoryRegion& region, bool xen_mmap) {
    writer.write(region.guest_address);
    writer.write(region.size);
    writer.write(region.user_address);
    writer.write(region.mmap_offset);
    if (xen_mmap) {
        writer.write(region.xen_mmap_flags);
        writer.write(region.xen_domain);
    }
}

}  // namespace

Result<std::uint64_t> parse_u64(ByteView payload) {
    if (payload.size() < sizeof(std::uint64_t)) {
        return too_short("u64", payload.size(), sizeof(std::uint64_t));
    }
    return load<std::uint64_t>(payload);
}

Result<VringDescriptorPayload> parse_vring_descriptor(ByteView payload) {
    return parse_u64(payload).map([](std::uint64_t value) { return VringDescriptorPayload{.value = value}; });
}

Result<VringState> parse_vring_state(ByteView payload) {
    ByteReader reader(payload);
    const VringState state{.index = reader.read<std::uint32_t>(), .num = reader.read<std::uint32_t>()};
    if (!reader.ok()) {
        return too_short("vring state", payload.size(), 8);
    }
    return state;
}

Result<VringAddress> parse_vring_address(ByteView payload) {
    ByteReader reader(payload);
    const VringAddress address{.index = reader.read<std::uint32_t>(),
                               .flags = reader.read<std::uint32_t>(),
                               .descriptor = reader.read<std::uint64_t>(),
                               .used = reader.read<std::uint64_t>(),
                               .available = reader.read<std::uint64_t>(),
                               .log = reader.read<std::uint64_t>()};
    if (!reader.ok()) {
        return too_short("vring address", payload.size(), 40);
    }
    return address;
}

Result<std::vector<MemoryRegion>> parse_memory_regions(ByteView payload, bool xen_mmap) {
    ByteReader reader(payload);
    const std::size_t count = reader.read<std::uint32_t>();
    reader.skip(sizeof(std::uint32_t));
    if (!reader.ok()) {
        return too_short("memory regions", payload.size(), 8);
    }
    const std::size_t one = xen_mmap ? xen_region_size : region_size;
    if (count > reader.remaining() / one) {
        return fail(ErrorCode::bad_input,
                    fmt::format("memory regions: {} announced, a payload of {} holds {}", count,
                                count_text(payload.size(), "byte"), reader.remaining() / one),
                    0);
    }
    std::vector<MemoryRegion> regions;
    regions.reserve(count);
    for (std::size_t region = 0; region < count; ++region) {
        regions.push_back(read_region(reader, xen_mmap));
    }
    return regions;
}

Result<MemoryRegion> parse_memory_region(ByteView payload, bool xen_mmap) {
    ByteReader reader(payload);
    reader.skip(sizeof(std::uint64_t));
    const MemoryRegion region = read_region(reader, xen_mmap);
    if (!reader.ok()) {
        return too_short("memory region", payload.size(), 8 + (xen_mmap ? xen_region_size : region_size));
    }
    return region;
}

Result<Log> parse_log(ByteView payload) {
    ByteReader reader(payload);
    const Log log{.mmap_size = reader.read<std::uint64_t>(), .mmap_offset = reader.read<std::uint64_t>()};
    if (!reader.ok()) {
        return too_short("log", payload.size(), 16);
    }
    return log;
}

Result<Config> parse_config(ByteView payload) {
    ByteReader reader(payload);
    Config config{.offset = reader.read<std::uint32_t>(),
                  .size = reader.read<std::uint32_t>(),
                  .flags = reader.read<std::uint32_t>(),
                  .data = {}};
    if (!reader.ok()) {
        return too_short("config", payload.size(), 12);
    }
    const ByteView data = reader.take(config.size);
    if (!reader.ok()) {
        return fail(ErrorCode::bad_input,
                    fmt::format("config: {} of data announced, of which the payload has {}",
                                count_text(config.size, "byte"), payload.size() - 12),
                    4);
    }
    config.data.assign(data.begin(), data.end());
    return config;
}

Result<Inflight> parse_inflight(ByteView payload) {
    ByteReader reader(payload);
    const Inflight inflight{.mmap_size = reader.read<std::uint64_t>(),
                            .mmap_offset = reader.read<std::uint64_t>(),
                            .num_queues = reader.read<std::uint16_t>(),
                            .queue_size = reader.read<std::uint16_t>()};
    if (!reader.ok()) {
        return too_short("inflight", payload.size(), 20);
    }
    return inflight;
}

Result<Iotlb> parse_iotlb(ByteView payload) {
    ByteReader reader(payload);
    const Iotlb iotlb{.iova = reader.read<std::uint64_t>(),
                      .size = reader.read<std::uint64_t>(),
                      .user_address = reader.read<std::uint64_t>(),
                      .permission = reader.read<std::uint8_t>(),
                      .type = reader.read<std::uint8_t>()};
    if (!reader.ok()) {
        return too_short("iotlb", payload.size(), 26);
    }
    return iotlb;
}

Result<VringArea> parse_vring_area(ByteView payload) {
    ByteReader reader(payload);
    const VringArea area{.value = {.value = reader.read<std::uint64_t>()},
                         .size = reader.read<std::uint64_t>(),
                         .offset = reader.read<std::uint64_t>()};
    if (!reader.ok()) {
        return too_short("vring area", payload.size(), 24);
    }
    return area;
}

Result<SharedMap> parse_shared_map(ByteView payload) {
    ByteReader reader(payload);
    SharedMap map{.region = reader.read<std::uint8_t>()};
    reader.skip(shared_map_padding);
    map.file_offset = reader.read<std::uint64_t>();
    map.region_offset = reader.read<std::uint64_t>();
    map.length = reader.read<std::uint64_t>();
    map.flags = reader.read<std::uint64_t>();
    if (!reader.ok()) {
        return too_short("shared memory map", payload.size(), 40);
    }
    return map;
}

Bytes serialise_u64(std::uint64_t value) {
    Bytes bytes;
    ByteWriter(bytes).write(value);
    return bytes;
}

Bytes serialise(const VringState& state) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(state.index);
    writer.write(state.num);
    return bytes;
}

Bytes serialise(const VringAddress& address) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(address.index);
    writer.write(address.flags);
    writer.write(address.descriptor);
    writer.write(address.used);
    writer.write(address.available);
    writer.write(address.log);
    return bytes;
}

Bytes serialise_regions(const std::vector<MemoryRegion>& regions, bool xen_mmap) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(static_cast<std::uint32_t>(regions.size()));
    writer.zeros(sizeof(std::uint32_t));
    for (const MemoryRegion& region : regions) {
        write_region(writer, region, xen_mmap);
    }
    return bytes;
}

Bytes serialise_region(const MemoryRegion& region, bool xen_mmap) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.zeros(sizeof(std::uint64_t));
    write_region(writer, region, xen_mmap);
    return bytes;
}

Bytes serialise(const Log& log) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(log.mmap_size);
    writer.write(log.mmap_offset);
    return bytes;
}

Bytes serialise(const Config& config) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(config.offset);
    writer.write(config.size);
    writer.write(config.flags);
    writer.write(ByteView(config.data));
    return bytes;
}

Bytes serialise(const Inflight& inflight) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(inflight.mmap_size);
    writer.write(inflight.mmap_offset);
    writer.write(inflight.num_queues);
    writer.write(inflight.queue_size);
    writer.zeros(inflight_padding);
    return bytes;
}

Bytes serialise(const Iotlb& iotlb) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(iotlb.iova);
    writer.write(iotlb.size);
    writer.write(iotlb.user_address);
    writer.write(iotlb.permission);
    writer.write(iotlb.type);
    writer.zeros(iotlb_padding);
    return bytes;
}

Bytes serialise(const VringArea& area) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(area.value.value);
    writer.write(area.size);
    writer.write(area.offset);
    return bytes;
}

Bytes serialise(const SharedMap& map) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(map.region);
    writer.zeros(shared_map_padding);
    writer.write(map.file_offset);
    writer.write(map.region_offset);
    writer.write(map.length);
    writer.write(map.flags);
    return bytes;
}

}  // namespace vutrace::protocol
