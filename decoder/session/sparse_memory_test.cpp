#include "vutrace/session/sparse_memory.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

namespace vutrace::session {
namespace {

Bytes pattern(std::size_t size, unsigned start = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>((start + i) & 0xff);
    }
    return bytes;
}

TEST(SparseMemory, GivesBackWhatWasWrittenAcrossPagesAndNodes) {
    SparseMemory memory;
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0xfff}, std::uint64_t{0x3fffe},
                                        (std::uint64_t{1} << 40U) - 5, UINT64_MAX - 9999}) {
        const Bytes written = pattern(10000);
        memory.write(address, written);
        Bytes read(written.size());
        ASSERT_TRUE(memory.read(address, read)) << address;
        EXPECT_EQ(read, written) << address;
    }
}

TEST(SparseMemory, DoesNotReadWhatIsNotKnown) {
    SparseMemory memory;
    Bytes out(4);
    EXPECT_FALSE(memory.read(0, out));
    EXPECT_TRUE(memory.read(0, {})) << "nothing was asked";
    memory.write(100, pattern(4));
    EXPECT_TRUE(memory.read(100, out));
    EXPECT_FALSE(memory.read(99, out));
    EXPECT_FALSE(memory.read(101, out));
    EXPECT_FALSE(memory.read(UINT64_MAX - 2, out)) << "wraps";

    Bytes around(6);
    std::vector<bool> known;
    memory.read_known(99, around, known);
    EXPECT_EQ(known, (std::vector<bool>{false, true, true, true, true, false}));
    EXPECT_EQ(around[0], std::byte{0});
    EXPECT_EQ(around[1], std::byte{1});
    memory.read_known(UINT64_MAX - 2, around, known);
    EXPECT_EQ(known, std::vector<bool>(6, false));
}

TEST(SparseMemory, GoesThroughAllAddressesInFewExtents) {
    using Kind = SparseMemory::Extent::Kind;
    SparseMemory memory;
    EXPECT_EQ(memory.extent_at(5).last, UINT64_MAX) << "nothing is known anywhere";
    constexpr std::uint64_t zeros_at = std::uint64_t{1} << 40U;
    constexpr std::uint64_t zeros_size = std::uint64_t{16} << 40U;
    memory.zero(zeros_at, zeros_size);
    memory.write(0x5010, pattern(4));
    memory.write(zeros_at + (zeros_size / 2) + 1, pattern(1));
    memory.forget(zeros_at + 4096, 4096);
    std::uint64_t bytes[3]{};
    std::size_t extents = 0;
    for (std::uint64_t at = 0;; ++extents) {
        const auto extent = memory.extent_at(at);
        ASSERT_GE(extent.last, at);
        bytes[static_cast<std::size_t>(extent.kind)] += extent.last - at + 1;
        if (extent.last == UINT64_MAX) {
            break;
        }
        at = extent.last + 1;
    }
    EXPECT_EQ(bytes[static_cast<std::size_t>(Kind::zeros)], zeros_size - 2 * 4096);
    EXPECT_EQ(bytes[static_cast<std::size_t>(Kind::mixed)], 2U * 4096);
    EXPECT_LT(extents, 3000U);
}

TEST(SparseMemory, KnowsZerosOfAnySizeForNothing) {
    SparseMemory memory;
    memory.zero(0x100000000, std::uint64_t{64} << 30U);
    EXPECT_LT(memory.resident_bytes(), 64U << 10U);
    Bytes out(8192, std::byte{1});
    ASSERT_TRUE(memory.read(0x100000000 + (std::uint64_t{63} << 30U) + 5, out));
    EXPECT_EQ(out, Bytes(8192));
    EXPECT_FALSE(memory.read(0xfffffff0, out));
    memory.write(0x100000010, pattern(4));
    ASSERT_TRUE(memory.read(0x100000000, MutableByteView(out).first(32)));
    EXPECT_EQ(out[16], std::byte{1});
    EXPECT_EQ(out[20], std::byte{0});
    EXPECT_LT(memory.resident_bytes(), 128U << 10U);

    SparseMemory all;
    all.zero(1, UINT64_MAX);
    EXPECT_TRUE(all.read(UINT64_MAX - 8191, out));
    EXPECT_FALSE(all.read(0, MutableByteView(out).first(1)));
    all.zero(0, 1);
    EXPECT_TRUE(all.read(0, out));
}

TEST(SparseMemory, ForgetsExactlyTheRange) {
    SparseMemory memory;
    memory.forget(0, UINT64_MAX);
    memory.zero(0, 0x100000);
    memory.forget(0x1001, 0x20000);
    Bytes one(1);
    EXPECT_TRUE(memory.read(0x1000, one));
    EXPECT_FALSE(memory.read(0x1001, one));
    EXPECT_FALSE(memory.read(0x21000, one));
    EXPECT_TRUE(memory.read(0x21001, one));
    memory.forget(0x21001, 0);
    EXPECT_TRUE(memory.read(0x21001, one));
    memory.forget(0x21001, UINT64_MAX);
    EXPECT_FALSE(memory.read(0xfffff, one));
}

TEST(SparseMemory, CopiesShareUntilOneIsWritten) {
    SparseMemory memory;
    memory.write(0, pattern(std::size_t{4} << 20U));
    const SparseMemory copy = memory;
    std::unordered_set<const void*> seen;
    const std::uint64_t alone = memory.resident_bytes(seen);
    EXPECT_GE(alone, 4U << 20U);
    EXPECT_EQ(copy.resident_bytes(seen), 0U);
    memory.write(0x5000, pattern(10, 77));
    EXPECT_LT(memory.resident_bytes(seen), 32U << 10U) << "one page and its way";
    Bytes out(10);
    ASSERT_TRUE(copy.read(0x5000, out));
    EXPECT_EQ(out, pattern(10, 1 + 0x5000));
    ASSERT_TRUE(memory.read(0x5000, out));
    EXPECT_EQ(out, pattern(10, 77));
}

TEST(SparseMemory, AppliesContentAndLeavesWhatIsMissing) {
    trace::Content content;
    content.add_literal(pattern(10));
    content.add_missing(10);
    content.add_zeros(5000);
    content.add_literal(pattern(3, 50));
    SparseMemory memory;
    memory.write(4090, Bytes(40, std::byte{9}));
    memory.apply(4090, content);
    Bytes out(5023);
    ASSERT_TRUE(memory.read(4090, out));
    EXPECT_EQ(out[9], std::byte{10});
    EXPECT_EQ(out[10], std::byte{9}) << "missing: what was known stays";
    EXPECT_EQ(out[20], std::byte{0});
    EXPECT_EQ(out[5020], std::byte{50});
    memory.apply(UINT64_MAX - 4, content);
    EXPECT_FALSE(memory.read(0, MutableByteView(out).first(1))) << "no wrap";
}

TEST(SparseMemory, AgreesWithAByteMapInAnyOrderOfOperations) {
    std::mt19937 random(7);
    std::map<std::uint64_t, std::byte> model;
    SparseMemory memory;
    std::vector<std::pair<SparseMemory, std::map<std::uint64_t, std::byte>>> copies;
    const auto below = [&](std::uint32_t limit) { return static_cast<std::uint64_t>(random() % limit); };
    for (int step = 0; step < 600; ++step) {
        const std::uint64_t address = 0x3e000 + below(0x6000);  // around the end of a node
        const std::uint64_t length = below(9000);
        const auto what = below(3);
        const Bytes bytes = pattern(static_cast<std::size_t>(length), static_cast<unsigned>(step));
        what == 0   ? memory.write(address, bytes)
        : what == 1 ? memory.zero(address, length)
                    : memory.forget(address, length);
        for (std::uint64_t i = 0; i < length; ++i) {
            if (what == 2) {
                model.erase(address + i);
            } else {
                model[address + i] = what == 0 ? bytes[static_cast<std::size_t>(i)] : std::byte{0};
            }
        }
        if (step % 100 == 0) {
            copies.emplace_back(memory, model);
        }
    }
    copies.emplace_back(memory, model);
    for (const auto& [copy, expected] : copies) {
        Bytes out(0xa000);
        std::vector<bool> known;
        copy.read_known(0x3d000, out, known);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto found = expected.find(0x3d000 + i);
            ASSERT_EQ(known[i], found != expected.end()) << i;
            ASSERT_EQ(out[i], found == expected.end() ? std::byte{0} : found->second) << i;
        }
    }
}

// Each byte written takes a page and the tree above it.
TEST(SparseMemory, GivesUpWhenScatteredBytesCostTooMuch) {
    constexpr std::uint64_t allowance = 1U << 20U;
    for (const bool over_zeros : {false, true}) {
        SparseMemory memory;
        memory.set_allowance(allowance);
        if (over_zeros) {
            memory.zero(0, UINT64_MAX);
        }
        std::uint64_t writes = 0;
        std::uint64_t most = 0;
        for (; writes < 10'000 && !memory.gave_up(); ++writes) {
            memory.write(writes << 40U, pattern(1));
            most = writes % 16 == 0 ? std::max(most, memory.resident_bytes()) : most;
        }
        EXPECT_TRUE(memory.gave_up());
        EXPECT_GT(writes, 50U);
        EXPECT_LE(most, allowance + 4 * writes);
        EXPECT_EQ(memory.resident_bytes(), 0U);
        Bytes out(1);
        EXPECT_FALSE(memory.read(0, out)) << "what is given up is not known";
        memory.write(0, out);
        memory.zero(0, 4096);
        EXPECT_FALSE(memory.read(0, out)) << "nor is anything later";
    }
}

TEST(SparseMemory, KeepsWhatIsLargeBecauseTheTraceIs) {
    SparseMemory memory;
    memory.set_allowance(1U << 20U);
    const Bytes bytes = pattern(1U << 20U);
    for (std::uint64_t i = 0; i < 16; ++i) {
        memory.write(i << 20U, bytes);
    }
    const SparseMemory checkpoint = memory;
    for (int again = 0; again < 10; ++again) {  // copies, then gives back
        memory.forget(0, 16U << 20U);
        for (std::uint64_t i = 0; i < 16; ++i) {
            memory.write(i << 20U, bytes);
        }
    }
    EXPECT_FALSE(memory.gave_up());
    Bytes out(bytes.size());
    ASSERT_TRUE(memory.read(15U << 20U, out));
    EXPECT_EQ(out, bytes);
}

}  // namespace
}  // namespace vutrace::session
