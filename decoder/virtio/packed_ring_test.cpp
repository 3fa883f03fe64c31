#include "vutrace/virtio/packed_ring.h"

#include "fake_guest_memory.h"

#include <gtest/gtest.h>

#include <string>

namespace vutrace::virtio {
namespace {

using testing::FakeGuestMemory;

constexpr std::uint64_t memory_base = 0x10000;
constexpr std::size_t memory_size = 0x100000;
constexpr std::uint64_t table_at = memory_base + 0x80000;
constexpr std::uint16_t next = descriptor_next;
constexpr std::uint16_t write = descriptor_write;
constexpr std::uint16_t indirect = descriptor_indirect;
constexpr std::uint16_t available = packed_available;  // in the first round
constexpr std::uint16_t second = packed_used;          // available in the second

PackedRingLayout ring_of(std::uint32_t size) {
    return {size, memory_base, memory_base + 0x88000, memory_base + 0x89000};
}

void put(FakeGuestMemory& memory, std::uint64_t address, RingDescriptor descriptor) {
    std::swap(descriptor.flags, descriptor.next);
    memory.put(address, descriptor);
}

struct Placed {
    std::uint32_t offset;
    RingDescriptor descriptor;  // id in `next`
};

struct WalkCase {
    const char* name;
    std::uint32_t size;
    PackedPosition position;
    std::vector<Placed> ring;
    std::vector<Placed> table;  // at `table_at`
    ChainProblem problem;
    std::size_t descriptors;
    std::uint64_t readable;
    std::uint64_t writable;
    std::uint16_t id;
    std::uint32_t slots;
};

void PrintTo(const WalkCase& walk_case, std::ostream* out) {
    *out << walk_case.name;
}

class WalkPackedChain : public ::testing::TestWithParam<WalkCase> {};

TEST_P(WalkPackedChain, SaysWhatIsWrongAndKeepsWhatItSaw) {
    const WalkCase& c = GetParam();
    FakeGuestMemory memory(memory_base, memory_size);
    const PackedRingLayout ring = ring_of(c.size);
    for (const Placed& placed : c.ring) {
        put(memory, ring.descriptor + descriptor_size * placed.offset, placed.descriptor);
    }
    for (const Placed& placed : c.table) {
        put(memory, table_at + descriptor_size * placed.offset, placed.descriptor);
    }
    PackedChain chain;
    chain.id = 77;
    chain.slots = 77;
    walk_packed_chain(memory, ring, c.position, chain);
    EXPECT_EQ(chain.chain.problem, c.problem) << name_of(chain.chain.problem);
    EXPECT_EQ(chain.chain.descriptors.size(), c.descriptors);
    EXPECT_EQ(chain.chain.readable_bytes, c.readable);
    EXPECT_EQ(chain.chain.writable_bytes, c.writable);
    EXPECT_EQ(chain.id, c.id);
    EXPECT_EQ(chain.slots, c.slots);
    EXPECT_LE(memory.most_reads_of_a_byte(), 1U) << "a byte was read twice";
}

constexpr std::uint16_t more = available | next;

INSTANTIATE_TEST_SUITE_P(
    Cases, WalkPackedChain,
    ::testing::Values(
        WalkCase{"sound_one_descriptor",
                 1,
                 {0, true},
                 {{0, {0x1000, 16, available, 9}}},
                 {},
                 ChainProblem::none,
                 1,
                 16,
                 0,
                 9,
                 1},
        WalkCase{"sound_direct_with_the_id_in_the_last",
                 5,
                 {1, true},
                 {{1, {0x1000, 16, more, 1}}, {2, {0x2000, 512, more | write, 2}}, {3, {0, 1, available | write, 7}}},
                 {},
                 ChainProblem::none,
                 3,
                 16,
                 513,
                 7,
                 3},
        WalkCase{"sound_across_the_end_where_the_flags_turn",
                 7,
                 {6, true},
                 {{6, {0x1000, 16, more, 0}}, {0, {0x2000, 8, second | write, 3}}},
                 {},
                 ChainProblem::none,
                 2,
                 16,
                 8,
                 3,
                 2},
        WalkCase{"sound_from_the_second_round_into_the_third",
                 3,
                 {2, false},
                 {{2, {0x1000, 16, second | next, 0}}, {0, {0x2000, 8, available, 65535}}},
                 {},
                 ChainProblem::none,
                 2,
                 24,
                 0,
                 65535,
                 2},
        WalkCase{"sound_indirect_in_sequence_whatever_next_and_id_say",
                 4,
                 {3, true},
                 {{3, {table_at, 48, available | indirect, 2}}},
                 {{0, {0x1000, 16, 0, 9}}, {1, {0x2000, 512, write | next, 1}}, {2, {0x3000, 1, write, 8}}},
                 ChainProblem::none,
                 4,
                 16,
                 513,
                 2,
                 1},
        WalkCase{"sound_around_the_whole_ring",
                 2,
                 {1, true},
                 {{1, {0, 4, more, 0}}, {0, {0, 4, second, 1}}},
                 {},
                 ChainProblem::none,
                 2,
                 8,
                 0,
                 1,
                 2},
        WalkCase{"W3_queue_size_zero", 0, {}, {}, {}, ChainProblem::head_out_of_range, 0, 0, 0, 0, 0},
        WalkCase{"W3_queue_size_beyond", 32769, {}, {}, {}, ChainProblem::head_out_of_range, 0, 0, 0, 0, 0},
        WalkCase{"W6_position_out_of_range", 8, {8, true}, {}, {}, ChainProblem::head_out_of_range, 0, 0, 0, 0, 0},
        WalkCase{"W8_next_all_the_way_around",
                 3,
                 {0, true},
                 {{0, {0, 4, more, 0}}, {1, {0, 4, more, 1}}, {2, {0, 4, more, 2}}},
                 {},
                 ChainProblem::too_long,
                 3,
                 12,
                 0,
                 2,
                 3},
        WalkCase{"W11_readable_after_writable",
                 8,
                 {0, true},
                 {{0, {0, 4, more | write, 0}}, {1, {0, 8, available, 5}}},
                 {},
                 ChainProblem::readable_after_writable,
                 2,
                 8,
                 4,
                 5,
                 2},
        WalkCase{"W12_empty_buffer", 8, {0, true}, {{0, {0, 0, available, 5}}}, {}, ChainProblem::none, 1, 0, 0, 5, 1},
        WalkCase{"W13_indirect_with_next",
                 8,
                 {0, true},
                 {{0, {table_at, 16, more | indirect, 5}}},
                 {},
                 ChainProblem::indirect_with_next,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W15_indirect_in_table",
                 8,
                 {0, true},
                 {{0, {table_at, 32, available | indirect, 5}}},
                 {{0, {0, 4, 0, 0}}, {1, {0, 4, indirect, 0}}},
                 ChainProblem::indirect_in_table,
                 3,
                 4,
                 0,
                 5,
                 1},
        WalkCase{"W16_table_empty",
                 8,
                 {0, true},
                 {{0, {table_at, 0, available | indirect, 5}}},
                 {},
                 ChainProblem::indirect_bad_length,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W16_table_no_multiple",
                 8,
                 {0, true},
                 {{0, {table_at, 17, available | indirect, 5}}},
                 {},
                 ChainProblem::indirect_bad_length,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W17_table_too_long",
                 8,
                 {0, true},
                 {{0, {table_at, 1025 * 16, available | indirect, 5}}},
                 {},
                 ChainProblem::indirect_too_long,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W18_table_outside",
                 8,
                 {0, true},
                 {{0, {0x1000, 32, available | indirect, 5}}},
                 {},
                 ChainProblem::indirect_unreadable,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W19_indirect_behind_direct",
                 8,
                 {0, true},
                 {{0, {0, 4, more, 0}}, {1, {table_at, 16, available | indirect, 5}}},
                 {},
                 ChainProblem::indirect_mixed,
                 2,
                 4,
                 0,
                 5,
                 2},
        WalkCase{"W21_address_wraps",
                 8,
                 {0, true},
                 {{0, {UINT64_MAX, 1, available, 5}}},
                 {},
                 ChainProblem::address_overflow,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W21_table_wraps",
                 8,
                 {0, true},
                 {{0, {UINT64_MAX - 15, 32, available | indirect, 5}}},
                 {},
                 ChainProblem::address_overflow,
                 1,
                 0,
                 0,
                 5,
                 1},
        WalkCase{"W24_lengths_add_up",
                 8,
                 {0, true},
                 {{0, {0, UINT32_MAX, more, 0}}, {1, {0, 1, available | write, 5}}},
                 {},
                 ChainProblem::length_overflow,
                 2,
                 UINT32_MAX,
                 1,
                 5,
                 2},
        WalkCase{"W25_reserved_flags_are_ignored",
                 8,
                 {0, true},
                 {{0, {0, 4, 0x7ff8, 3}}},
                 {},
                 ChainProblem::none,
                 1,
                 4,
                 0,
                 3,
                 1},
        WalkCase{"W26_a_later_one_was_not_made_available",
                 8,
                 {0, true},
                 {{0, {0, 4, more, 0}}, {1, {0, 4, second, 5}}},
                 {},
                 ChainProblem::element_not_available,
                 2,
                 4,
                 0,
                 5,
                 2},
        WalkCase{"W27_an_id_beyond_the_queue_is_kept",
                 8,
                 {0, true},
                 {{0, {0, 4, available, 4711}}},
                 {},
                 ChainProblem::none,
                 1,
                 4,
                 0,
                 4711,
                 1}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(WalkPackedChainOfARingOutside, IsUnreadable) {
    const FakeGuestMemory memory(memory_base, memory_size);
    PackedChain chain;
    for (const std::uint64_t address : {std::uint64_t{0}, memory_base + memory_size, UINT64_MAX - 7, UINT64_MAX}) {
        walk_packed_chain(memory, {8, address, 0, 0}, {1, true}, chain);
        EXPECT_EQ(chain.chain.problem, ChainProblem::descriptor_unreadable) << address;
        EXPECT_EQ(chain.slots, 0U);
    }
}

TEST(WalkPackedChainInMemoryThatChanges, UsesTheFirstCopyOfEachDescriptor) {
    FakeGuestMemory memory(memory_base, memory_size);
    memory.scramble_after_read = true;
    const PackedRingLayout ring = ring_of(4);
    put(memory, ring.descriptor, {table_at, 16 * 300, available | indirect, 3});
    for (std::uint16_t i = 0; i < 300; ++i) {
        put(memory, table_at + 16U * i, {0x1000U + i, 1, 0, 0});
    }
    PackedChain chain;
    walk_packed_chain(memory, ring, {}, chain);
    EXPECT_EQ(chain.chain.problem, ChainProblem::none);
    ASSERT_EQ(chain.chain.descriptors.size(), 301U);
    EXPECT_EQ(chain.chain.descriptors[300].address, 0x1000U + 299);
    EXPECT_EQ(memory.most_reads_of_a_byte(), 1U);
}

TEST(WalkPackedChainOfTheLongestKind, IsBoundedAndDoesNotAllocateAgain) {
    constexpr std::uint32_t size = max_queue_size;
    FakeGuestMemory memory(0, std::size_t{size} * 16);
    for (std::uint32_t i = 0; i < size; ++i) {
        put(memory, std::uint64_t{i} * 16, {0, 1, more, 0});
    }
    PackedChain chain;
    walk_packed_chain(memory, {size, 0, 0, 0}, {}, chain);
    EXPECT_EQ(chain.chain.problem, ChainProblem::too_long);
    EXPECT_EQ(chain.chain.descriptors.size(), size);
    EXPECT_EQ(chain.slots, size);
    const auto* const place = chain.chain.descriptors.data();
    walk_packed_chain(memory, {size, 0, 0, 0}, {}, chain);
    EXPECT_EQ(chain.chain.descriptors.data(), place);
}

TEST(PackedPosition, GoesAroundWithTheWrapCounterTurning) {
    PackedPosition position;
    std::vector<std::uint16_t> values;
    for (int i = 0; i < 7; ++i) {
        values.push_back(position.value());
        position = position.plus(1, 3);
    }
    EXPECT_EQ(values, (std::vector<std::uint16_t>{0x8000, 0x8001, 0x8002, 0, 1, 2, 0x8000}));
    EXPECT_EQ((PackedPosition{2, true}.plus(2, 3)), (PackedPosition{1, false}));
    EXPECT_EQ((PackedPosition{0, true}.minus(1, 3)), (PackedPosition{2, false}));
    EXPECT_EQ((PackedPosition{32767, false}.plus(1, 32768)), (PackedPosition{0, true}));
    EXPECT_EQ((PackedPosition{0, true}.plus(1, 1)), (PackedPosition{0, false}));
}

TEST(PackedPosition, IsApartByLessThanTwoRounds) {
    EXPECT_EQ((PackedPosition{1, true}.distance_to({1, true}, 5)), 0U);
    EXPECT_EQ((PackedPosition{1, true}.distance_to({4, true}, 5)), 3U);
    EXPECT_EQ((PackedPosition{4, true}.distance_to({1, false}, 5)), 2U);
    EXPECT_EQ((PackedPosition{1, true}.distance_to({1, false}, 5)), 5U);
    EXPECT_EQ((PackedPosition{1, true}.distance_to({0, true}, 5)), 9U);
}

TEST(PackedFlags, TellWhoOwnsADescriptor) {
    for (const bool wrap : {true, false}) {
        EXPECT_TRUE(is_available(available_flags(wrap), wrap));
        EXPECT_FALSE(is_used(available_flags(wrap), wrap));
        EXPECT_TRUE(is_used(used_flags(wrap), wrap));
        EXPECT_FALSE(is_available(used_flags(wrap), wrap));
        EXPECT_FALSE(is_available(available_flags(!wrap), wrap)) << "of the round before";
        EXPECT_FALSE(is_used(used_flags(!wrap), wrap));
        EXPECT_FALSE(is_available(used_flags(!wrap), wrap));
    }
    EXPECT_FALSE(is_available(0, true)) << "a ring that never ran is empty";
    EXPECT_FALSE(is_used(0, true));
}

struct EventCase {
    const char* name;
    PackedEvent event;
    PackedPosition before, after;
    bool wanted;
};

class PackedEvents : public ::testing::TestWithParam<EventCase> {};

TEST_P(PackedEvents, AreWantedAsTheAreaSays) {
    const EventCase& c = GetParam();
    EXPECT_EQ(needs_event(c.event, c.before, c.after, 8), c.wanted);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, PackedEvents,
    ::testing::Values(EventCase{"enabled", {0, PackedEvent::enable}, {1, true}, {2, true}, true},
                      EventCase{"disabled", {0, PackedEvent::disable}, {1, true}, {2, true}, false},
                      EventCase{"at_this_descriptor", {0x8001, PackedEvent::descriptor}, {1, true}, {2, true}, true},
                      EventCase{"within_the_batch", {0x8003, PackedEvent::descriptor}, {1, true}, {5, true}, true},
                      EventCase{"behind_the_batch", {0x8005, PackedEvent::descriptor}, {1, true}, {5, true}, false},
                      EventCase{"before_the_batch", {0x8000, PackedEvent::descriptor}, {1, true}, {5, true}, false},
                      EventCase{"in_the_next_round", {0x0001, PackedEvent::descriptor}, {6, true}, {2, false}, true},
                      EventCase{"in_the_round_before", {0x8001, PackedEvent::descriptor}, {6, true}, {2, false}, false},
                      EventCase{"nothing_moved", {0x8001, PackedEvent::descriptor}, {1, true}, {1, true}, false},
                      EventCase{"W28_reserved_mode", {0, 3}, {1, true}, {2, true}, true},
                      EventCase{"W28_position_outside", {0x8008, PackedEvent::descriptor}, {1, true}, {2, true}, true},
                      EventCase{"reserved_bits_are_ignored", {0, 0xfffd}, {1, true}, {2, true}, false}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(PackedBase, HoldsBothPositions) {
    EXPECT_EQ(PackedBase::parse(PackedBase::fresh), (PackedBase{{0, true}, {0, true}}));
    EXPECT_EQ(PackedBase::parse(0x00078005), (PackedBase{{5, true}, {7, false}}));
    EXPECT_EQ(PackedBase::parse(0x00078005).value(), 0x00078005U);
    EXPECT_EQ(PackedBase::parse(0x8000), (PackedBase{{0, true}, {0, true}})) << "DPDK: the lower half only";
    EXPECT_EQ(PackedBase::parse(0x8011), (PackedBase{{17, true}, {17, true}}));
    EXPECT_EQ(PackedBase::parse(5), (PackedBase{{5, false}, {0, false}})) << "five chains are in flight";
}

TEST(PackedDescriptor, IsParsedAsItWasSerialised) {
    const RingDescriptor descriptor{0x123456789abcdef0, 0x11223344, 0x5566, 0x7788};
    Bytes bytes(descriptor_size);
    serialise_packed_descriptor(descriptor, bytes);
    EXPECT_EQ(load<std::uint16_t>(bytes, packed_id_at), 0x7788);
    EXPECT_EQ(load<std::uint16_t>(bytes, packed_flags_at), 0x5566);
    EXPECT_EQ(parse_packed_descriptor(bytes), descriptor);
    const Bytes event{std::byte{0x34}, std::byte{0x12}, std::byte{0xfe}, std::byte{0xff}};
    EXPECT_EQ(parse_packed_event(event).position, 0x1234);
    EXPECT_EQ(parse_packed_event(event).mode(), PackedEvent::descriptor);
}

TEST(PackedLayout, AcceptsEverySizeUpToTheLargest) {
    for (const std::uint32_t size : {1U, 3U, 1000U, 32767U, 32768U}) {
        EXPECT_TRUE(is_packed_queue_size(size));
    }
    EXPECT_FALSE(is_packed_queue_size(0));
    EXPECT_FALSE(is_packed_queue_size(32769));
    EXPECT_EQ(ring_of(1000).descriptor_bytes(), 16000U);
    EXPECT_EQ(ring_of(1000).slot(999), 15984U);
}

}  // namespace
}  // namespace vutrace::virtio
