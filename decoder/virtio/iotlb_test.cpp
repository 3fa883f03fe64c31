#include "vutrace/virtio/iotlb.h"

#include "fake_guest_memory.h"
#include "vutrace/virtio/packed_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace vutrace::virtio {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t top = UINT64_MAX - page + 1;  // the last page

// What is done to a table: an update, an invalidation (no target), or aging (no length either).
struct Step {
    std::uint64_t address{0};
    std::optional<std::uint64_t> length;
    std::optional<std::uint64_t> target;
    Access permission{Access::both};
};
constexpr Step age{};

Step update(std::uint64_t address, std::uint64_t length, std::uint64_t target, Access permission = Access::both) {
    return {address, length, target, permission};
}
Step invalidate(std::uint64_t address, std::uint64_t length) {
    return {address, length, std::nullopt};
}

void take(Iotlb& table, const Step& step) {
    if (step.target) {
        table.update(step.address, *step.length, *step.target, step.permission);
    } else if (step.length) {
        table.invalidate(step.address, *step.length);
    } else {
        table.age();
    }
}

struct TableCase {
    const char* name;
    std::vector<Step> steps;
    std::uint64_t asked;                  // a byte
    std::optional<std::uint64_t> target;  // nobody knows where it is empty
    std::uint64_t length{1};              // of the piece that begins there, of all there is
};
void PrintTo(const TableCase& table_case, std::ostream* out) {
    *out << table_case.name;
}

class IotlbTable : public ::testing::TestWithParam<TableCase> {};

TEST_P(IotlbTable, LeadsWhereTheMessagesSayAndNowhereElse) {
    const TableCase& c = GetParam();
    Iotlb table;
    for (const Step& step : c.steps) {
        take(table, step);
    }
    const Iotlb::Piece piece = table.find(c.asked, c.asked == 0 ? UINT64_MAX : UINT64_MAX - c.asked + 1);
    EXPECT_EQ(piece.permission != Access::none, c.target.has_value());
    if (c.target) {
        EXPECT_EQ(piece.target, *c.target);
        EXPECT_EQ(piece.length, c.length);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, IotlbTable,
    ::testing::Values(
        TableCase{"nothing", {}, 0, {}}, TableCase{"first_byte", {update(page, page, 0x9000)}, page, 0x9000, page},
        TableCase{"last_byte", {update(page, page, 0x9000)}, 2 * page - 1, 0x9000 + page - 1, 1},
        TableCase{"byte_before", {update(page, page, 0x9000)}, page - 1, {}},
        TableCase{"byte_behind", {update(page, page, 0x9000)}, 2 * page, {}},
        TableCase{"no_bytes", {update(page, 0, 0x9000)}, page, {}},
        TableCase{"the_last_page", {update(top, page, 0x9000)}, UINT64_MAX, 0x9000 + page - 1, 1},
        TableCase{"everything", {update(0, UINT64_MAX, 0)}, 5, 5, UINT64_MAX - 5},
        TableCase{"a_range_that_wraps", {update(top, page + 1, 0x9000)}, top, {}},
        TableCase{"a_target_that_wraps", {update(page, page, UINT64_MAX - 8)}, page, {}},
        TableCase{"twice_the_same", {update(page, page, 0x9000), update(page, page, 0x9000)}, page, 0x9000, page},
        TableCase{"another_permission",
                  {update(page, page, 0x9000, Access::read), update(page, page, 0x9000)},
                  page,
                  0x9000,
                  page},
        TableCase{"no_permission", {update(page, page, 0x9000, Access::none)}, page, {}},
        TableCase{"permission_given_later",
                  {update(page, page, 0x9000, Access::none), update(page, page, 0x9000)},
                  page,
                  0x9000,
                  page},
        TableCase{"two_targets", {update(page, page, 0x9000), update(page, page, 0xa000)}, page, {}},
        TableCase{"two_targets_stay_open",
                  {update(page, page, 0x9000), update(page, page, 0xa000), update(page, page, 0xa000)},
                  page,
                  {}},
        TableCase{"two_targets_invalidated",
                  {update(page, page, 0x9000), update(page, page, 0xa000), invalidate(page, page),
                   update(page, page, 0xa000)},
                  page,
                  0xa000,
                  page},
        TableCase{"two_targets_after_a_reset",
                  {update(page, page, 0x9000), age, update(page, page, 0xa000)},
                  page,
                  0xa000,
                  page},
        TableCase{"aged_still_holds", {update(page, page, 0x9000), age}, page, 0x9000, page},
        TableCase{"overlap_that_agrees",
                  {update(page, 2 * page, 0x9000), update(2 * page, 2 * page, 0xa000)},
                  3 * page,
                  0xb000,
                  page},
        TableCase{"overlap_that_differs",
                  {update(page, 2 * page, 0x9000), update(2 * page, 2 * page, 0x20000)},
                  2 * page,
                  {}},
        TableCase{"before_an_overlap_that_differs",
                  {update(page, 2 * page, 0x9000), update(2 * page, 2 * page, 0x20000)},
                  page,
                  0x9000,
                  page},
        TableCase{"behind_an_overlap_that_differs",
                  {update(page, 2 * page, 0x9000), update(2 * page, 2 * page, 0x20000)},
                  3 * page,
                  0x21000,
                  page},
        TableCase{"around_one_that_is_inside",
                  {update(3 * page, page, 0x3000), update(page, 5 * page, 0x1000)},
                  4 * page,
                  0x4000,
                  2 * page},
        TableCase{"invalidated", {update(page, page, 0x9000), invalidate(page, page)}, page, {}},
        TableCase{"invalidated_in_the_middle_before",
                  {update(page, 3 * page, 0x9000), invalidate(2 * page, page)},
                  page,
                  0x9000,
                  page},
        TableCase{
            "invalidated_in_the_middle", {update(page, 3 * page, 0x9000), invalidate(2 * page, page)}, 2 * page, {}},
        TableCase{"invalidated_in_the_middle_behind",
                  {update(page, 3 * page, 0x9000), invalidate(2 * page, page)},
                  3 * page,
                  0xb000,
                  page},
        TableCase{"invalidated_around", {update(2 * page, page, 0x9000), invalidate(page, 5 * page)}, 2 * page, {}},
        TableCase{"one_byte_invalidated", {update(page, page, 0x9000), invalidate(page, 1)}, page, {}},
        TableCase{"beside_the_byte_invalidated",
                  {update(page, page, 0x9000), invalidate(page, 1)},
                  page + 1,
                  0x9001,
                  page - 1},
        TableCase{"invalidation_of_nothing", {update(page, page, 0x9000), invalidate(page, 0)}, page, 0x9000, page},
        TableCase{"invalidation_of_all", {update(page, page, 0x9000), invalidate(0, UINT64_MAX)}, page, {}},
        TableCase{"all_is_2_to_the_64", {update(top, page, 0x9000), invalidate(0, 0)}, top, {}},
        TableCase{"invalidation_that_wraps", {update(top, page, 0x9000), invalidate(page, UINT64_MAX)}, top, {}},
        TableCase{"invalidation_that_wraps_spares_what_is_before",
                  {update(page, page, 0x9000), invalidate(2 * page, UINT64_MAX)},
                  page,
                  0x9000,
                  page}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Iotlb, MoreThanAnybodyNeedsAreForgotten) {
    Iotlb table;
    for (std::uint64_t i = 0; i <= Iotlb::most_entries; ++i) {
        table.update(2 * i * page, page, i * page, Access::both);
        ASSERT_LE(table.size(), Iotlb::most_entries);
    }
    EXPECT_EQ(table.size(), 0U);
}

// Byte by byte, by the rules of the header and no others.
struct SlowTable {
    struct Byte {
        bool there{false}, aged{false}, disputed{false};
        std::uint64_t target{0};
        Access permission{Access::none};
    };
    std::array<Byte, 64> bytes;

    void update(std::uint64_t address, std::uint64_t length, std::uint64_t target, Access permission) {
        for (std::uint64_t i = 0; i < length && address + i < bytes.size(); ++i) {
            Byte& byte = bytes[address + i];
            const bool agrees = !byte.there || byte.aged || (!byte.disputed && byte.target == target + i);
            byte = {true, false, !agrees, target + i, permission};
        }
    }
    void invalidate(std::uint64_t address, std::uint64_t length) {
        for (std::uint64_t i = 0; i < length && address + i < bytes.size(); ++i) {
            bytes[address + i] = {};
        }
    }
};

TEST(Iotlb, AnyOrderOfOverlapsIsWhatEachByteWasTold) {
    std::mt19937 random(7);
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    for (int round = 0; round < 200; ++round) {
        Iotlb table;
        SlowTable slow;
        for (int step = 0; step < 30; ++step) {
            const std::uint64_t address = below(56), length = 1 + below(8);
            const auto kind = below(8);
            if (kind == 0) {
                table.age();
                for (SlowTable::Byte& byte : slow.bytes) {
                    byte.aged = true;
                }
            } else if (kind < 3) {
                table.invalidate(address, length);
                slow.invalidate(address, length);
            } else {
                const std::uint64_t target = address + 1000 * below(2);
                table.update(address, length, target, static_cast<Access>(kind % 4));
                slow.update(address, length, target, static_cast<Access>(kind % 4));
            }
            for (std::uint64_t at = 0; at < slow.bytes.size(); ++at) {
                const SlowTable::Byte& byte = slow.bytes[at];
                const Iotlb::Piece piece = table.find(at, 1);
                ASSERT_EQ(piece.permission, byte.disputed ? Access::none : byte.permission) << at;
                ASSERT_TRUE(piece.permission == Access::none || piece.target == byte.target) << at;
            }
        }
    }
}

// --- Spaces

constexpr std::uint64_t user = 0x7f0000000000;

struct Space {
    Iotlb table;
    RegionTable regions{{{0x10000, 16 * page, user, 0}, {0x80000, 16 * page, user + 0x100000, 0}}};
    bool guest_targets{false};

    [[nodiscard]] IovaSpace view() const { return {table, regions, guest_targets}; }
};

TEST(IovaSpace, LeadsThroughTheFrontEndsAddressesToGuestOnes) {
    Space space;
    space.table.update(0xf000, page, user + page, Access::both);
    EXPECT_EQ(space.view().translate_whole(0xf010, 16, Access::read), 0x11010U);
    EXPECT_EQ(space.view().translate_whole(0xf010, page, Access::read), std::nullopt) << "the end has no translation";
    space.guest_targets = true;
    EXPECT_EQ(space.view().translate_whole(0xf010, 16, Access::read), std::nullopt) << "no guest address";
    space.table.invalidate(0xf000, page);
    space.table.update(0xf000, page, 0x12000, Access::both);
    EXPECT_EQ(space.view().translate_whole(0xf010, 16, Access::read), 0x12010U);
}

TEST(IovaSpace, NeedsThePermission) {
    Space space;
    space.table.update(0xf000, page, user, Access::read);
    EXPECT_TRUE(space.view().translate_whole(0xf000, page, Access::read));
    EXPECT_FALSE(space.view().translate_whole(0xf000, page, Access::write));
    EXPECT_FALSE(space.view().translate_whole(0xf000, page, Access::both));
}

TEST(IovaSpace, AWholeLiesTogetherThoughInSeveralTranslations) {
    Space space;
    space.table.update(0xf000, page, user, Access::both);
    space.table.update(0x10000, page, user + page, Access::both);
    space.table.update(0x11000, page, user + 5 * page, Access::both);
    EXPECT_EQ(space.view().translate_whole(0xf800, page, Access::both), 0x10800U);
    EXPECT_EQ(space.view().translate_whole(0x10800, page, Access::both), std::nullopt) << "two pages apart";
}

TEST(IovaSpace, AWholeEndsWhereItsRegionDoes) {
    Space space;
    space.regions.regions = {{0x10000, page, user, 0}, {0x11000, page, user + page, 0}};
    space.table.update(0, 2 * page, user, Access::both);
    EXPECT_EQ(space.view().translate_whole(0, page, Access::both), 0x10000U);
    EXPECT_EQ(space.view().translate_whole(0, page + 1, Access::both), std::nullopt);
}

TEST(IovaSpace, HostileRangesEnd) {
    Space space;
    space.table.update(0, UINT64_MAX - user, user, Access::both);
    space.table.update(top, page, user, Access::both);
    EXPECT_FALSE(space.view().translate_whole(UINT64_MAX - 3, 8, Access::read));
    EXPECT_FALSE(space.view().translate_whole(0, UINT64_MAX, Access::read));
    space.regions.regions = {{UINT64_MAX - 7, 0x100, user, 0}};
    EXPECT_EQ(space.view().translate_whole(0, 7, Access::read), UINT64_MAX - 7);
    EXPECT_FALSE(space.view().translate_whole(0, 9, Access::read)) << "the region wraps";
    EXPECT_FALSE(space.view().translate_whole(0x20, 1, Access::read)) << "wholly behind the end";
}

// --- Memory behind it

TEST(DescriptorMemory, ABufferMayConsistOfPagesThatAreApart) {
    testing::FakeGuestMemory memory(0x10000, 16 * page);
    memory.put(0x10ff8, {0x1111111111111111, 0, 0, 0});
    memory.put(0x15000, {0x2222222222222222, 0, 0, 0});
    Space space;
    space.table.update(0xf000, page, user, Access::read);
    space.table.update(0x10000, page, user + 5 * page, Access::read);
    const DescriptorMemory translated(memory, space.view(), Access::read);
    Bytes bytes(16);
    ASSERT_TRUE(translated.read(0xfff8, bytes));
    EXPECT_EQ(load<std::uint64_t>(bytes, 0), 0x1111111111111111U);
    EXPECT_EQ(load<std::uint64_t>(bytes, 8), 0x2222222222222222U);
    EXPECT_FALSE(translated.read(0x10ff8, bytes)) << "the next page has no translation";
    EXPECT_FALSE(DescriptorMemory(memory, space.view(), Access::write).read(0xfff8, bytes));
    EXPECT_TRUE(DescriptorMemory(memory, std::nullopt, Access::write).read(0x10000, bytes)) << "no IOMMU";
}

// A ring at guest addresses whose descriptors hold IOVAs.
template <class Walk>
void expect_table_is_followed(Walk walk) {
    testing::FakeGuestMemory memory(0x10000, 16 * page);
    memory.put(0x10000, {0xaff0, 32, static_cast<std::uint16_t>(descriptor_indirect | packed_available), 0});
    memory.put(0x12ff0, {0x5000, 7, descriptor_next, 1});
    memory.put(0x17000, {0x6000, 8, descriptor_write, 0});
    Space space;
    space.table.update(0xa000, page, user + 2 * page, Access::read);
    Chain chain = walk(memory, space);
    EXPECT_EQ(chain.problem, ChainProblem::indirect_unreadable);
    space.table.update(0xb000, page, user + 7 * page, Access::read);
    chain = walk(memory, space);
    EXPECT_EQ(chain.problem, ChainProblem::none);
    ASSERT_EQ(chain.descriptors.size(), 3U);
    EXPECT_EQ(chain.descriptors[2].address, 0x6000U);
}

TEST(WalkChain, FollowsAnIndirectTableThatSpansTranslations) {
    expect_table_is_followed([](testing::FakeGuestMemory& memory, const Space& space) {
        Chain chain;
        const DescriptorMemory tables(memory, space.view(), Access::read);
        walk_chain({memory, tables}, SplitRingLayout{4, 0x10000, 0x11000, 0x11800}, 0, chain);
        return chain;
    });
}

TEST(WalkPackedChain, FollowsAnIndirectTableThatSpansTranslations) {
    expect_table_is_followed([](testing::FakeGuestMemory& memory, const Space& space) {
        // In a packed ring id and flags stand the other way round.
        Bytes first(descriptor_size);
        serialise_packed_descriptor({0xaff0, 32, static_cast<std::uint16_t>(descriptor_indirect | packed_available), 0},
                                    first);
        memory.put(0x10000, parse_descriptor(first));
        PackedChain chain;
        const DescriptorMemory tables(memory, space.view(), Access::read);
        walk_packed_chain({memory, tables}, PackedRingLayout{4, 0x10000, 0x11000, 0x11800}, {}, chain);
        return chain.chain;
    });
}

}  // namespace
}  // namespace vutrace::virtio
