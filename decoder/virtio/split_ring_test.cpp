#include "vutrace/virtio/split_ring.h"

#include "fake_guest_memory.h"

#include <gtest/gtest.h>

#include <string>

namespace vutrace::virtio {
namespace {

using testing::FakeGuestMemory;

constexpr std::uint64_t memory_base = 0x10000;
constexpr std::size_t memory_size = 0x100000;
constexpr std::uint64_t table_at = memory_base + 0x80000;  // an indirect table
constexpr std::uint16_t next = descriptor_next;
constexpr std::uint16_t write = descriptor_write;
constexpr std::uint16_t indirect = descriptor_indirect;

SplitRingLayout ring_of(std::uint32_t size) {
    return {size, memory_base, memory_base + 0x8000, memory_base + 0x9000};
}

struct Placed {
    std::uint32_t index;
    RingDescriptor descriptor;
};

struct WalkCase {
    const char* name;
    std::uint32_t queue_size;
    std::uint16_t head;
    std::vector<Placed> ring;
    std::vector<Placed> table;  // at `table_at`
    ChainProblem problem;
    std::size_t descriptors;
    std::uint64_t readable;
    std::uint64_t writable;
};

void PrintTo(const WalkCase& walk_case, std::ostream* out) {
    *out << walk_case.name;
}

class WalkChain : public ::testing::TestWithParam<WalkCase> {};

TEST_P(WalkChain, SaysWhatIsWrongAndKeepsWhatItSaw) {
    const WalkCase& c = GetParam();
    FakeGuestMemory memory(memory_base, memory_size);
    const SplitRingLayout ring = ring_of(c.queue_size);
    for (const Placed& placed : c.ring) {
        memory.put(ring.descriptor + descriptor_size * placed.index, placed.descriptor);
    }
    for (const Placed& placed : c.table) {
        memory.put(table_at + descriptor_size * placed.index, placed.descriptor);
    }
    Chain chain;
    walk_chain(memory, ring, c.head, chain);
    EXPECT_EQ(chain.problem, c.problem) << name_of(chain.problem);
    EXPECT_EQ(chain.descriptors.size(), c.descriptors);
    EXPECT_EQ(chain.readable_bytes, c.readable);
    EXPECT_EQ(chain.writable_bytes, c.writable);
    EXPECT_LE(memory.most_reads_of_a_byte(), 1U) << "a byte was read twice";
}

constexpr std::uint64_t last_piece = memory_base + memory_size - 2 * descriptor_size;

INSTANTIATE_TEST_SUITE_P(
    Cases, WalkChain,
    ::testing::Values(
        WalkCase{"sound_direct",
                 8,
                 2,
                 {{2, {0x1000, 16, next, 7}}, {7, {0x2000, 512, next | write, 0}}, {0, {0x3000, 1, write, 0}}},
                 {},
                 ChainProblem::none,
                 3,
                 16,
                 513},
        WalkCase{"sound_indirect",
                 8,
                 1,
                 {{1, {table_at, 48, indirect, 0}}},
                 {{0, {0x1000, 16, next, 2}}, {2, {0x2000, 512, next | write, 1}}, {1, {0x3000, 1, write, 0}}},
                 ChainProblem::none,
                 4,
                 16,
                 513},
        WalkCase{"sound_direct_then_indirect",
                 8,
                 0,
                 {{0, {0x1000, 16, next, 1}}, {1, {table_at, 16, indirect, 0}}},
                 {{0, {0x3000, 1, write, 0}}},
                 ChainProblem::none,
                 3,
                 16,
                 1},
        WalkCase{"W3_queue_size_zero", 0, 0, {}, {}, ChainProblem::head_out_of_range, 0, 0, 0},
        WalkCase{"W3_queue_size_no_power_of_two", 6, 0, {}, {}, ChainProblem::head_out_of_range, 0, 0, 0},
        WalkCase{"W6_head_out_of_range", 8, 8, {}, {}, ChainProblem::head_out_of_range, 0, 0, 0},
        WalkCase{"W7_next_out_of_range", 8, 0, {{0, {0, 4, next, 8}}}, {}, ChainProblem::next_out_of_range, 1, 4, 0},
        WalkCase{"W7_next_out_of_table",
                 8,
                 0,
                 {{0, {table_at, 32, indirect, 0}}},
                 {{0, {0, 4, next, 2}}},
                 ChainProblem::next_out_of_range,
                 2,
                 4,
                 0},
        WalkCase{"W8_loop_to_itself", 8, 3, {{3, {0, 4, next, 3}}}, {}, ChainProblem::too_long, 1, 4, 0},
        WalkCase{
            "W8_loop_of_two", 8, 0, {{0, {0, 4, next, 5}}, {5, {0, 4, next, 0}}}, {}, ChainProblem::too_long, 2, 8, 0},
        WalkCase{"W8_loop_in_table",
                 8,
                 0,
                 {{0, {table_at, 32, indirect, 0}}},
                 {{0, {0, 4, next, 1}}, {1, {0, 4, next, 0}}},
                 ChainProblem::too_long,
                 3,
                 8,
                 0},
        WalkCase{"W11_readable_after_writable",
                 8,
                 0,
                 {{0, {0, 1, next | write, 1}}, {1, {0, 16, next, 2}}, {2, {0, 3, 0, 0}}},
                 {},
                 ChainProblem::readable_after_writable,
                 3,
                 19,
                 1},
        WalkCase{"W11_outweighed_by_what_ends_the_walk",
                 8,
                 0,
                 {{0, {0, 1, next | write, 1}}, {1, {0, 16, next, 9}}},
                 {},
                 ChainProblem::next_out_of_range,
                 2,
                 16,
                 1},
        WalkCase{"W12_length_zero_is_legal", 8, 0, {{0, {0, 0, 0, 0}}}, {}, ChainProblem::none, 1, 0, 0},
        WalkCase{"W13_indirect_with_next",
                 8,
                 0,
                 {{0, {table_at, 16, indirect | next, 1}}},
                 {},
                 ChainProblem::indirect_with_next,
                 1,
                 0,
                 0},
        WalkCase{"W14_indirect_is_followed_whatever_was_negotiated",
                 8,
                 0,
                 {{0, {table_at, 16, indirect | write, 0}}},
                 {{0, {0, 5, 0, 0}}},
                 ChainProblem::none,
                 2,
                 5,
                 0},
        WalkCase{"W15_indirect_in_table",
                 8,
                 0,
                 {{0, {table_at, 32, indirect, 0}}},
                 {{0, {0, 4, next, 1}}, {1, {table_at, 16, indirect, 0}}},
                 ChainProblem::indirect_in_table,
                 3,
                 4,
                 0},
        WalkCase{"W16_table_length_zero",
                 8,
                 0,
                 {{0, {table_at, 0, indirect, 0}}},
                 {},
                 ChainProblem::indirect_bad_length,
                 1,
                 0,
                 0},
        WalkCase{"W16_table_length_no_multiple",
                 8,
                 0,
                 {{0, {table_at, 17, indirect, 0}}},
                 {},
                 ChainProblem::indirect_bad_length,
                 1,
                 0,
                 0},
        WalkCase{"W17_more_entries_than_the_queue_are_accepted",
                 8,
                 0,
                 {{0, {table_at, 16 * 515, indirect, 0}}},
                 {{0, {0, 4, next, 514}}, {514, {0, 4, 0, 0}}},
                 ChainProblem::none,
                 3,
                 8,
                 0},
        WalkCase{"W17_table_too_long",
                 8,
                 0,
                 {{0, {table_at, 16 * 1025, indirect, 0}}},
                 {},
                 ChainProblem::indirect_too_long,
                 1,
                 0,
                 0},
        WalkCase{"W17_table_of_4_GiB",
                 8,
                 0,
                 {{0, {table_at, 0xfffffff0, indirect, 0}}},
                 {},
                 ChainProblem::indirect_too_long,
                 1,
                 0,
                 0},
        WalkCase{
            "W18_table_outside", 8, 0, {{0, {0x10, 32, indirect, 0}}}, {}, ChainProblem::indirect_unreadable, 1, 0, 0},
        WalkCase{"W20_second_indirect_behind_the_first_is_not_reached",
                 8,
                 0,
                 {{0, {table_at, 16, indirect | next, 1}}, {1, {table_at, 16, indirect, 0}}},
                 {},
                 ChainProblem::indirect_with_next,
                 1,
                 0,
                 0},
        WalkCase{"W21_buffer_wraps",
                 8,
                 0,
                 {{0, {UINT64_MAX - 3, 5, next, 1}}, {1, {0, 4, 0, 0}}},
                 {},
                 ChainProblem::address_overflow,
                 1,
                 0,
                 0},
        WalkCase{"W21_table_wraps",
                 8,
                 0,
                 {{0, {UINT64_MAX - 15, 32, indirect, 0}}},
                 {},
                 ChainProblem::address_overflow,
                 1,
                 0,
                 0},
        WalkCase{"W22_buffer_outside_is_for_who_copies_it",
                 8,
                 0,
                 {{0, {0xdead0000, 4, 0, 0}}},
                 {},
                 ChainProblem::none,
                 1,
                 4,
                 0},
        WalkCase{"W23_buffer_across_the_end_is_for_who_copies_it",
                 8,
                 0,
                 {{0, {memory_base + memory_size - 2, 4, 0, 0}}},
                 {},
                 ChainProblem::none,
                 1,
                 4,
                 0},
        WalkCase{"W24_lengths_of_4_GiB",
                 8,
                 0,
                 {{0, {0, 0xffffffff, next, 1}}, {1, {0, 1, next | write, 2}}, {2, {0, 1, write, 0}}},
                 {},
                 ChainProblem::length_overflow,
                 3,
                 0xffffffff,
                 2},
        WalkCase{"W24_lengths_of_4_GiB_less_1_are_allowed",
                 8,
                 0,
                 {{0, {0, 0xfffffffe, next, 1}}, {1, {0, 1, write, 0}}},
                 {},
                 ChainProblem::none,
                 2,
                 0xfffffffe,
                 1},
        WalkCase{"W25_reserved_flags_are_ignored", 8, 0, {{0, {0, 4, 0xfff8, 3}}}, {}, ChainProblem::none, 1, 4, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(WalkChainAtTheEndOfMemory, SeesTheDescriptorsBeforeIt) {
    FakeGuestMemory memory(memory_base, memory_size);
    const SplitRingLayout ring = ring_of(8);
    memory.put(ring.descriptor, {last_piece, 64, indirect, 0});
    memory.put(last_piece, {0x1000, 1, next, 1});
    memory.put(last_piece + 16, {0x2000, 2, next, 2});
    Chain chain;
    walk_chain(memory, ring, 0, chain);
    EXPECT_EQ(chain.problem, ChainProblem::indirect_unreadable);
    ASSERT_EQ(chain.descriptors.size(), 3U);
    EXPECT_EQ(chain.readable_bytes, 3U);
}

TEST(WalkChainOfARingOutside, IsUnreadable) {
    const FakeGuestMemory memory(memory_base, memory_size);
    Chain chain;
    for (const std::uint64_t address : {std::uint64_t{0}, memory_base + memory_size, UINT64_MAX - 7, UINT64_MAX}) {
        walk_chain(memory, {8, address, 0, 0}, 1, chain);
        EXPECT_EQ(chain.problem, ChainProblem::descriptor_unreadable) << address;
        EXPECT_TRUE(chain.descriptors.empty());
    }
}

TEST(WalkChainInMemoryThatChanges, UsesTheFirstCopyOfEachDescriptor) {
    FakeGuestMemory memory(memory_base, memory_size);
    memory.scramble_after_read = true;
    const SplitRingLayout ring = ring_of(4);
    memory.put(ring.descriptor, {table_at, 16 * 300, indirect, 0});
    for (std::uint16_t i = 0; i < 300; ++i) {  // odd and even halves of the table by turns: every piece is met again
        const auto follower = static_cast<std::uint16_t>(i < 150 ? i + 150 : i - 149);
        const std::uint16_t flags = i == 299 ? 0 : next;
        memory.put(table_at + 16U * i, {0x1000U + i, 1, flags, follower});
    }
    Chain chain;
    walk_chain(memory, ring, 0, chain);
    EXPECT_EQ(chain.problem, ChainProblem::none);
    ASSERT_EQ(chain.descriptors.size(), 301U);
    EXPECT_EQ(chain.descriptors[1].address, 0x1000U);
    EXPECT_EQ(chain.descriptors[2].address, 0x1000U + 150);
    EXPECT_EQ(chain.descriptors[300].address, 0x1000U + 299);
    EXPECT_EQ(memory.most_reads_of_a_byte(), 1U);
    EXPECT_EQ(memory.calls(), 1U + 3U) << "one for the ring's descriptor, one for each 128 of the table";
}

TEST(WalkChainOfTheLongestKind, IsBoundedAndDoesNotAllocateAgain) {
    constexpr std::uint32_t size = max_queue_size;
    FakeGuestMemory memory(0, std::size_t{size} * 16 * 2);
    const SplitRingLayout ring{size, 0, 0, 0};
    const std::uint64_t table = std::uint64_t{size} * 16;
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto follower = static_cast<std::uint16_t>((i + 1) % size);
        memory.put(std::uint64_t{i} * 16, {0, 1, next, follower});
        memory.put(table + std::uint64_t{i} * 16, {0, 1, next, follower});
    }
    memory.put(std::uint64_t{size - 1} * 16, {table, size * 16, indirect, 0});
    Chain chain;
    walk_chain(memory, ring, 0, chain);
    EXPECT_EQ(chain.problem, ChainProblem::too_long);
    EXPECT_EQ(chain.descriptors.size(), 2U * size);
    EXPECT_EQ(memory.most_reads_of_a_byte(), 1U);

    const auto* const place = chain.descriptors.data();
    const auto* const copy = chain.table.data();
    walk_chain(memory, ring, 0, chain);
    EXPECT_EQ(chain.descriptors.size(), 2U * size);
    EXPECT_EQ(chain.descriptors.data(), place);
    EXPECT_EQ(chain.table.data(), copy);
}

TEST(Descriptor, IsParsedAsItWasSerialised) {
    const RingDescriptor descriptor{0x123456789abcdef0, 0x11223344, 0x5566, 0x7788};
    Bytes bytes(descriptor_size);
    serialise_descriptor(descriptor, bytes);
    EXPECT_EQ(bytes[0], std::byte{0xf0});
    EXPECT_EQ(bytes[8], std::byte{0x44});
    EXPECT_EQ(bytes[12], std::byte{0x66});
    EXPECT_EQ(bytes[14], std::byte{0x88});
    EXPECT_EQ(parse_descriptor(bytes), descriptor);
}

TEST(Layout, PutsSlotsWhereTheSpecificationSays) {
    const SplitRingLayout ring = ring_of(128);
    EXPECT_EQ(ring.available_bytes(), 6U + 256);
    EXPECT_EQ(ring.used_bytes(), 6U + 1024);
    EXPECT_EQ(ring.available_slot(0xffff), 4U + 2 * 127);
    EXPECT_EQ(ring.used_slot(129), 4U + 8);
    EXPECT_EQ(ring.used_event(), 4U + 256);
    EXPECT_EQ(ring.available_event(), 4U + 1024);
    EXPECT_EQ(ring_of(32768).available_slot(0xffff), 4U + 2 * 32767);
}

TEST(NeedsEvent, HoldsAcrossTheWrapOfTheIndex) {
    EXPECT_TRUE(needs_event(5, 5, 6));
    EXPECT_FALSE(needs_event(6, 5, 6));
    EXPECT_TRUE(needs_event(0xffff, 0xfffe, 1));
    EXPECT_TRUE(needs_event(0, 0xfffe, 1));
    EXPECT_FALSE(needs_event(1, 0xfffe, 1));
    EXPECT_FALSE(needs_event(3, 7, 7)) << "nothing moved";
}

TEST(ChainProblemName, IsKnownForEveryProblemAndNoOther) {
    EXPECT_STREQ(name_of(ChainProblem::none), "none");
    EXPECT_STREQ(name_of(ChainProblem::length_overflow), "lengths add up to more than 32 bits");
    EXPECT_STREQ(name_of(ChainProblem::indirect_mixed), "INDIRECT behind direct descriptors");
    EXPECT_STREQ(name_of(ChainProblem{16}), "unknown problem");
    EXPECT_STREQ(name_of(ChainProblem{0xffff}), "unknown problem");
}

}  // namespace
}  // namespace vutrace::virtio
