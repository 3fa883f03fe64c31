#include "vutrace/virtio/devices/block.h"

#include <gtest/gtest.h>

#include <string>

namespace vutrace::virtio::block {
namespace {

Bytes header(std::uint32_t type, std::uint64_t sector = 7) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(type);
    writer.write(std::uint32_t{3});
    writer.write(sector);
    return bytes;
}

struct TypeCase {
    std::uint32_t type;
    const char* name;
    std::uint64_t data_length;  // of a chain with 16 + 1024 readable and 512 + 1 writable bytes
};

void PrintTo(const TypeCase& type_case, std::ostream* out) {
    *out << type_case.name << ' ' << type_case.type;
}

class RequestTypes : public ::testing::TestWithParam<TypeCase> {};

TEST_P(RequestTypes, HaveANameAndTheLengthOfTheirData) {
    const TypeCase& c = GetParam();
    EXPECT_EQ(name_of(RequestType{c.type}), c.name);
    const auto request = parse_request(header(c.type), 16 + 1024, 512 + 1);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->type, c.type);
    EXPECT_EQ(request->ioprio, 3U);
    EXPECT_EQ(request->sector, 7U);
    EXPECT_EQ(request->data_length, c.data_length);
    EXPECT_FALSE(request->status);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RequestTypes,
    ::testing::Values(TypeCase{0, "IN", 512}, TypeCase{1, "OUT", 1024}, TypeCase{2, "SCSI_CMD", 1536},
                      TypeCase{3, "SCSI_CMD_OUT", 1536}, TypeCase{4, "FLUSH", 0}, TypeCase{5, "FLUSH_OUT", 0},
                      TypeCase{8, "GET_ID", 512}, TypeCase{10, "GET_LIFETIME", 512}, TypeCase{11, "DISCARD", 1024},
                      TypeCase{13, "WRITE_ZEROES", 1024}, TypeCase{14, "SECURE_ERASE", 1024},
                      TypeCase{15, "ZONE_APPEND", 1024}, TypeCase{16, "ZONE_REPORT", 512}, TypeCase{18, "ZONE_OPEN", 0},
                      TypeCase{20, "ZONE_CLOSE", 0}, TypeCase{22, "ZONE_FINISH", 0}, TypeCase{24, "ZONE_RESET", 0},
                      TypeCase{26, "ZONE_RESET_ALL", 0}, TypeCase{0x80000001, "OUT", 1024},  // with BARRIER
                      TypeCase{6, "UNKNOWN", 1536}, TypeCase{0xffffffff, "UNKNOWN", 1536}));

TEST(BlockRequest, IsNoneWithoutAWholeHeader) {
    const Bytes bytes = header(0);
    EXPECT_FALSE(parse_request({}, 0, 0));
    EXPECT_FALSE(parse_request(ByteView(bytes).first(15), 16, 1)) << "not captured";
    EXPECT_FALSE(parse_request(bytes, 15, 1)) << "the driver gave 15 bytes";
    EXPECT_TRUE(parse_request(bytes, 16, 0));
}

TEST(BlockRequest, SurvivesHostileTotals) {
    EXPECT_EQ(parse_request(header(0), 16, 0)->data_length, 0U) << "not even room for a status";
    EXPECT_EQ(parse_request(header(1), 16, 1)->data_length, 0U);
    EXPECT_EQ(parse_request(header(1), UINT64_MAX, UINT64_MAX)->data_length, UINT64_MAX - 16);
    EXPECT_EQ(parse_request(header(99), UINT64_MAX, UINT64_MAX)->data_length, UINT64_MAX);
}

TEST(BlockRequest, HasItsSegmentsAsFarAsCaptured) {
    Bytes bytes = header(11, 0);
    ByteWriter writer(bytes);
    for (std::uint32_t i = 0; i < 300; ++i) {
        writer.write(std::uint64_t{i} * 8);
        writer.write(i + 1);
        writer.write(std::uint32_t{1});
    }
    const auto all = parse_request(bytes, bytes.size(), 1);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->segments.size(), 256U) << "bounded";
    EXPECT_EQ(all->segments[2].sector, 16U);
    EXPECT_EQ(all->segments[2].num_sectors, 3U);
    EXPECT_EQ(all->segments[2].flags, 1U);
    EXPECT_EQ(parse_request(ByteView(bytes).first(16 + 31), bytes.size(), 1)->segments.size(), 1U);
    EXPECT_EQ(parse_request(bytes, 16 + 32, 1)->segments.size(), 2U) << "bytes behind the driver's are none";
    bytes[0] = std::byte{1};
    EXPECT_TRUE(parse_request(bytes, bytes.size(), 1)->segments.empty()) << "OUT has data, no segments";
}

TEST(BlockResult, HasAStatusOnlyWhereTheLastWritableByteWasCaptured) {
    Bytes written(513);
    written[512] = std::byte{1};
    auto request = *parse_request(header(0), 16, 513);
    add_result(request, ByteView(written).first(512), 513);
    EXPECT_FALSE(request.status);
    add_result(request, written, 513);
    EXPECT_EQ(request.status, 1);
    auto none = *parse_request(header(4), 16, 0);
    add_result(none, written, 0);
    EXPECT_FALSE(none.status) << "no writable byte, no status";
}

TEST(BlockResult, HasTheIdUpToItsNul) {
    const std::string serial("disk-0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 21);
    auto request = *parse_request(header(8), 16, 21);
    add_result(request, as_bytes(serial), 21);
    EXPECT_EQ(request.id, "disk-0");
    EXPECT_EQ(request.status, 0);
    const std::string full("01234567890123456789\0", 21);
    add_result(request, as_bytes(full), 21);
    EXPECT_EQ(request.id, "01234567890123456789") << "20 characters have no NUL";
    add_result(request, as_bytes(full).first(5), 21);
    EXPECT_EQ(request.id, "01234");
    add_result(request, as_bytes(full), 4);
    EXPECT_EQ(request.id, "012") << "the last writable byte is the status";
}

TEST(StatusName, IsUnknownBeyondTheTable) {
    EXPECT_EQ(status_name(0), "OK");
    EXPECT_EQ(status_name(1), "IOERR");
    EXPECT_EQ(status_name(2), "UNSUPP");
    EXPECT_EQ(status_name(6), "ZONE_ACTIVE_RESOURCE");
    EXPECT_EQ(status_name(7), "UNKNOWN");
    EXPECT_EQ(status_name(255), "UNKNOWN");
}

Bytes block_configuration() {
    Bytes bytes(57);
    store<std::uint64_t>(bytes, 0, 131072);
    store<std::uint32_t>(bytes, 12, 126);
    store<std::uint32_t>(bytes, 20, 512);
    store<std::uint8_t>(bytes, 32, 1);
    store<std::uint16_t>(bytes, 34, 2);
    return bytes;
}

TEST(BlockConfiguration, IsToldFromThoseOfOtherDevices) {
    EXPECT_TRUE(looks_like_configuration(block_configuration()));
    EXPECT_TRUE(looks_like_configuration(ByteView(block_configuration()).first(36)));
    EXPECT_FALSE(looks_like_configuration(ByteView(block_configuration()).first(35))) << "too short to say";
    EXPECT_FALSE(looks_like_configuration({}));
    EXPECT_FALSE(looks_like_configuration(Bytes(60))) << "all zero proves nothing";

    Bytes file_system(40);
    store<std::uint32_t>(file_system, 0, 0x7366796d);  // "myfs"
    store<std::uint32_t>(file_system, 36, 1);
    EXPECT_FALSE(looks_like_configuration(file_system));

    Bytes scsi(36);
    store<std::uint32_t>(scsi, 0, 1);
    store<std::uint32_t>(scsi, 20, 96);  // sense_size
    store<std::uint32_t>(scsi, 24, 32);  // cdb_size
    EXPECT_FALSE(looks_like_configuration(scsi));

    for (const std::uint32_t size : {0U, 256U, 513U, 1U << 21U}) {
        Bytes odd = block_configuration();
        store(odd, 20, size);
        EXPECT_FALSE(looks_like_configuration(odd)) << size;
    }
}

}  // namespace
}  // namespace vutrace::virtio::block
