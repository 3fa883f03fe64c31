// Rings that no correct driver or device writes, and rings that are busier than the tap.
#include "testing/tapped_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace vutrace::capture {
namespace {

using testing::RingPair;
using testing::SplitRingTapTest;
using trace::Proof;
using virtio::ChainProblem;

TEST_F(SplitRingTapTest, CountsAnIndexThatRanAhead) {
    start();
    ring.put<std::uint16_t>(ring.layout().available + 2, 20);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 0U);
    EXPECT_EQ(recorder.counts().chains_lost, 20U);
    ring.next_offer = 20;
    ring.describe_chain(5, {{buffer, 1, false}});
    ring.offer(5);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    ring.put<std::uint16_t>(ring.layout().used + 2, 100);
    tap->scan();
    EXPECT_EQ(recorder.counts().completions_lost, 100U);
    EXPECT_EQ(recorder.counts().chains_lost, 20U);
}

TEST_F(SplitRingTapTest, CountsAHeadThatWasNeverOffered) {
    start();
    ring.use(7, 3);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].head, 7);
    EXPECT_EQ(entries[0].proof, Proof::absent);
    EXPECT_TRUE(entries[0].descriptors.empty());
    EXPECT_EQ(recorder.counts().chains_lost, 1U);
}

TEST_F(SplitRingTapTest, CountsAUsedIdThatIsNoDescriptor) {
    start();
    ring.use(70000, 3);
    tap->scan();
    EXPECT_TRUE(recorder.entries().empty());
    EXPECT_EQ(recorder.counts().completions_lost, 1U);
    EXPECT_EQ(recorder.counts().notes, 1U);
}

TEST_F(SplitRingTapTest, RecordsAHeadThatIsOfferedTwiceWithoutBeingUsed) {
    start();
    ring.describe_chain(0, {{buffer, 1, false}});
    ring.offer(0);
    ring.offer(0);
    ring.offer(0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 3U);
    EXPECT_EQ(tap->in_flight(), 1U);
}

TEST_F(SplitRingTapTest, BoundsAUsedLengthByWhatIsWritable) {
    start();
    ring.describe_chain(0, {{buffer, 8, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 0xffffffff);
    tap->scan();
    const auto entry = recorder.entries().back();
    EXPECT_EQ(entry.used_length, 0xffffffffU);
    EXPECT_EQ(entry.content.size(), 8U);
}

// Hostile chains: each is recorded with its problem, and the next good one as if nothing had been.
struct HostileChain {
    const char* name;
    std::function<void(RingPair&)> describe;
    std::uint16_t head;
    ChainProblem problem;
};

class HostileChains : public SplitRingTapTest, public ::testing::WithParamInterface<HostileChain> {};

TEST_P(HostileChains, AreRecordedWithTheirProblem) {
    start();
    GetParam().describe(ring);
    ring.offer(GetParam().head);
    ring.describe_chain(15, {{buffer, 1, false}});
    ring.offer(15);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].problem, static_cast<std::uint16_t>(GetParam().problem));
    EXPECT_EQ(entries[1].problem, 0);
    EXPECT_EQ(entries[1].proof, Proof::verified);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileChains,
    ::testing::Values(HostileChain{"HeadOutOfRange", [](RingPair&) {}, 16, ChainProblem::head_out_of_range},
                      HostileChain{"Loop",
                                   [](RingPair& ring) {
                                       ring.describe(0, {RingPair::buffers, 1, 1, 0});
                                   },
                                   0, ChainProblem::too_long},
                      HostileChain{"NextOutOfRange",
                                   [](RingPair& ring) {
                                       ring.describe(0, {RingPair::buffers, 1, 1, 99});
                                   },
                                   0, ChainProblem::next_out_of_range},
                      HostileChain{"BufferOutside",
                                   [](RingPair& ring) {
                                       ring.describe(0, {0x10, 64, 0, 0});
                                   },
                                   0, ChainProblem::buffer_outside},
                      HostileChain{
                          "BufferAcrossTheEnd",
                          [](RingPair& ring) {
                              ring.describe(0, {RingPair::guest_address + RingPair::memory_size - 8, 64, 0, 0});
                          },
                          0, ChainProblem::buffer_outside},
                      HostileChain{"AddressWraps",
                                   [](RingPair& ring) {
                                       ring.describe(0, {UINT64_MAX - 4, 64, 0, 0});
                                   },
                                   0, ChainProblem::address_overflow},
                      HostileChain{"IndirectOutside",
                                   [](RingPair& ring) {
                                       ring.describe(0, {0x10, 64, 4, 0});
                                   },
                                   0, ChainProblem::indirect_unreadable},
                      HostileChain{"IndirectOddLength",
                                   [](RingPair& ring) {
                                       ring.describe(0, {RingPair::buffers, 17, 4, 0});
                                   },
                                   0, ChainProblem::indirect_bad_length}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

// A driver and a device as fast as they can on threads of their own: what is recorded and what is counted as lost add
// up to what they did.
class BusyRing : public SplitRingTapTest, public ::testing::WithParamInterface<std::uint32_t> {
  protected:
    BusyRing() : SplitRingTapTest(GetParam()) {}
};

TEST_P(BusyRing, LosesNothingThatIsNotCounted) {
    const std::uint64_t chains = GetParam() <= 16 ? 2000 : 100000;  // a small queue yields for every chain
    start();
    recorder.count_only();
    std::atomic<bool> done{false};
    std::thread device([&] {
        for (std::uint64_t served = 0; served < chains;) {
            if (const auto head = ring.take()) {
                ring.use(*head, 4);
                ++served;
            } else {
                std::this_thread::yield();
            }
        }
    });
    std::thread driver([&] {
        std::vector<std::uint16_t> free;
        for (std::uint32_t head = 0; head < GetParam(); ++head) {
            ring.describe(static_cast<std::uint16_t>(head), {buffer + head * 64U, 4, 2, 0});
            free.push_back(static_cast<std::uint16_t>(head));
        }
        for (std::uint64_t offered = 0, reaped = 0; reaped < chains;) {
            if (offered < chains && !free.empty()) {
                ring.offer(free.back());
                free.pop_back();
                ++offered;
            } else if (const auto used = ring.reap()) {
                free.push_back(used->next);
                ++reaped;
            } else {
                std::this_thread::yield();
            }
        }
        done = true;
    });
    while (!done) {
        tap->scan();
    }
    driver.join();
    device.join();
    while (tap->scan().entries != 0) {
    }
    const auto counts = recorder.counts();
    // The indices have 16 bits: rounds of 65536 that pass between two looks are the one thing that cannot be counted.
    EXPECT_EQ((chains - counts.offers - counts.chains_lost) % 65536, 0U);
    EXPECT_EQ((chains - counts.completions - counts.completions_lost) % 65536, 0U);
    EXPECT_EQ(tap->in_flight(), 0U);
    RecordProperty("recorded", std::to_string(counts.offers));
    RecordProperty("verified", std::to_string(counts.verified));
}

INSTANTIATE_TEST_SUITE_P(QueueSizes, BusyRing, ::testing::Values(1U, 2U, 16U, 256U, 4096U));

}  // namespace
}  // namespace vutrace::capture
