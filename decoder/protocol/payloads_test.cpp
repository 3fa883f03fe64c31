#include <vutrace/protocol/payloads.h>

#include <gtest/gtest.h>

namespace vutrace::protocol {
namespace {

// Every length below `needed` fails with bad_input, every longer one is accepted.
template <class Parse>
void expect_needs(const Bytes& payload, std::size_t needed, Parse parse) {
    for (std::size_t size = 0; size <= payload.size(); ++size) {
        const auto parsed = parse(ByteView(payload).first(size));
        EXPECT_EQ(parsed.has_value(), size >= needed) << size << " bytes";
        if (!parsed) {
            EXPECT_EQ(parsed.error().code, ErrorCode::bad_input);
            EXPECT_FALSE(parsed.error().text.empty());
        }
    }
}

constexpr MemoryRegion low{.guest_address = 0, .size = 0xa0000, .user_address = 0x7f0000000000, .mmap_offset = 0};
constexpr MemoryRegion high{.guest_address = 0xc0000,
                            .size = 0x3f40000,
                            .user_address = 0x7f00000c0000,
                            .mmap_offset = 0xc0000,
                            .xen_mmap_flags = 0x2,
                            .xen_domain = 7};

TEST(Payloads, u64_round_trips) {
    const Bytes payload = serialise_u64(0x175007e46);
    EXPECT_EQ(parse_u64(payload).value(), 0x175007e46U);
    expect_needs(payload, 8, parse_u64);
}

TEST(Payloads, vring_descriptor_has_queue_and_no_descriptor_bit) {
    const Bytes payload = serialise_u64(0x103);
    const auto parsed = parse_vring_descriptor(payload).value();
    EXPECT_EQ(parsed.queue(), 3);
    EXPECT_TRUE(parsed.no_descriptor());
    EXPECT_FALSE(parse_vring_descriptor(serialise_u64(0xff)).value().no_descriptor());
    expect_needs(payload, 8, parse_vring_descriptor);
}

TEST(Payloads, vring_state_round_trips) {
    const VringState state{.index = 1, .num = 128};
    const Bytes payload = serialise(state);
    EXPECT_EQ(parse_vring_state(payload).value(), state);
    expect_needs(payload, 8, parse_vring_state);
}

TEST(Payloads, vring_address_round_trips) {
    const VringAddress address{.index = 1, .flags = 1, .descriptor = 2, .used = 3, .available = 4, .log = 5};
    const Bytes payload = serialise(address);
    EXPECT_EQ(parse_vring_address(payload).value(), address);
    expect_needs(payload, 40, parse_vring_address);
}

TEST(Payloads, memory_regions_round_trip) {
    for (const bool xen : {false, true}) {
        MemoryRegion expected = high;
        if (!xen) {
            expected.xen_mmap_flags = expected.xen_domain = 0;
        }
        const Bytes payload = serialise_regions({low, high}, xen);
        EXPECT_EQ(parse_memory_regions(payload, xen).value(), (std::vector{low, expected}));
        expect_needs(payload, xen ? 88 : 72, [xen](ByteView bytes) { return parse_memory_regions(bytes, xen); });
    }
}

TEST(Payloads, memory_region_count_is_checked_before_it_is_believed) {
    Bytes payload = serialise_regions({low}, false);
    store(MutableByteView(payload), 0, std::uint32_t{0xffffffff});
    const auto parsed = parse_memory_regions(payload, false);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, ErrorCode::bad_input);
    EXPECT_NE(parsed.error().text.find("4294967295"), std::string::npos);
}

TEST(Payloads, memory_regions_may_be_none) {
    EXPECT_TRUE(parse_memory_regions(serialise_regions({}, false), false).value().empty());
}

TEST(Payloads, memory_region_round_trips) {
    const Bytes plain = serialise_region(low, false);
    EXPECT_EQ(parse_memory_region(plain, false).value(), low);
    expect_needs(plain, 40, [](ByteView bytes) { return parse_memory_region(bytes, false); });
    const Bytes xen = serialise_region(high, true);
    EXPECT_EQ(parse_memory_region(xen, true).value(), high);
    expect_needs(xen, 48, [](ByteView bytes) { return parse_memory_region(bytes, true); });
}

TEST(Payloads, log_round_trips) {
    const Bytes payload = serialise(Log{.mmap_size = 0x800, .mmap_offset = 0x1000});
    const Log log = parse_log(payload).value();
    EXPECT_EQ(log.mmap_size, 0x800U);
    EXPECT_EQ(log.mmap_offset, 0x1000U);
    expect_needs(payload, 16, parse_log);
}

TEST(Payloads, config_round_trips) {
    const Bytes payload =
        serialise(Config{.offset = 4, .size = 3, .flags = 1, .data = {std::byte{1}, std::byte{2}, std::byte{3}}});
    ASSERT_EQ(payload.size(), 15U);
    const Config config = parse_config(payload).value();
    EXPECT_EQ(config.offset, 4U);
    EXPECT_EQ(config.size, 3U);
    EXPECT_EQ(config.flags, 1U);
    EXPECT_EQ(config.data, (Bytes{std::byte{1}, std::byte{2}, std::byte{3}}));
    expect_needs(payload, 15, parse_config);
}

TEST(Payloads, config_size_is_checked_before_it_is_believed) {
    const Bytes payload = serialise(Config{.offset = 0, .size = 0xffffffff, .flags = 0, .data = {std::byte{1}}});
    const auto parsed = parse_config(payload);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, ErrorCode::bad_input);
}

TEST(Payloads, inflight_round_trips_with_and_without_tail_padding) {
    const Bytes payload =
        serialise(Inflight{.mmap_size = 4096, .mmap_offset = 512, .num_queues = 2, .queue_size = 128});
    ASSERT_EQ(payload.size(), 24U);
    const Inflight inflight = parse_inflight(payload).value();
    EXPECT_EQ(inflight.mmap_size, 4096U);
    EXPECT_EQ(inflight.mmap_offset, 512U);
    EXPECT_EQ(inflight.num_queues, 2U);
    EXPECT_EQ(inflight.queue_size, 128U);
    expect_needs(payload, 20, parse_inflight);
}

TEST(Payloads, iotlb_round_trips) {
    const Bytes payload =
        serialise(Iotlb{.iova = 0x1000, .size = 0x2000, .user_address = 0x3000, .permission = 3, .type = 2});
    ASSERT_EQ(payload.size(), 32U);
    const Iotlb iotlb = parse_iotlb(payload).value();
    EXPECT_EQ(iotlb.iova, 0x1000U);
    EXPECT_EQ(iotlb.size, 0x2000U);
    EXPECT_EQ(iotlb.user_address, 0x3000U);
    EXPECT_EQ(iotlb.permission, 3U);
    EXPECT_EQ(iotlb.type, 2U);
    expect_needs(payload, 26, parse_iotlb);
}

TEST(Payloads, vring_area_round_trips) {
    const Bytes payload = serialise(VringArea{.value = {.value = 0x101}, .size = 4096, .offset = 8192});
    ASSERT_EQ(payload.size(), 24U);
    const VringArea area = parse_vring_area(payload).value();
    EXPECT_EQ(area.value.queue(), 1U);
    EXPECT_TRUE(area.value.no_descriptor());
    EXPECT_EQ(area.size, 4096U);
    EXPECT_EQ(area.offset, 8192U);
    expect_needs(payload, 24, parse_vring_area);
}

TEST(Payloads, shared_map_round_trips) {
    const Bytes payload =
        serialise(SharedMap{.region = 3, .file_offset = 1, .region_offset = 2, .length = 4, .flags = 1});
    ASSERT_EQ(payload.size(), 40U);
    const SharedMap map = parse_shared_map(payload).value();
    EXPECT_EQ(map.region, 3U);
    EXPECT_EQ(map.file_offset, 1U);
    EXPECT_EQ(map.region_offset, 2U);
    EXPECT_EQ(map.length, 4U);
    EXPECT_EQ(map.flags, 1U);
    expect_needs(payload, 40, parse_shared_map);
}

}  // namespace
}  // namespace vutrace::protocol
