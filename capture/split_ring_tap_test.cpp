#include "split_ring_tap.h"

#include "testing/fake_recorder.h"
#include "testing/ring_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using testing::FakeRecorder;
using testing::RingPair;
using State = trace::ChainEntry::State;
using trace::Proof;
using virtio::ChainProblem;

std::string text_of(const trace::Content& content) {
    std::string text(content.size(), '?');
    (void)content.read(0, std::as_writable_bytes(std::span(text)));
    return text;
}

class SplitRingTapTest : public ::testing::Test {
  protected:
    static constexpr std::uint64_t buffer = RingPair::buffers;

    explicit SplitRingTapTest(std::uint32_t size = 16) : ring(size) {
        std::vector<FileDescriptor> descriptors;
        descriptors.push_back(ring.file());
        const std::vector<std::uint32_t> ids{1};
        mappings = GuestMappings::next(nullptr, {ring.region(1)}, {&descriptors, &ids}, true).mappings;
    }

    SplitRingTap& start(SplitRingTap::Options options = {}, std::uint16_t base = 0) {
        options.queue = 3;
        tap.emplace(std::move(options), recorder);
        EXPECT_TRUE(tap->place(ring.layout(), mappings));
        ring.set_indices(base);
        tap->start(base);
        return *tap;
    }

    RingPair ring;
    std::shared_ptr<const GuestMappings> mappings;
    FakeRecorder recorder;
    std::optional<SplitRingTap> tap;
};

TEST_F(SplitRingTapTest, RecordsBothStepsOfADirectChain) {
    start();
    ring.write(buffer, "request");
    ring.describe_chain(2, {{buffer, 7, false}, {buffer + 4096, 100, true}, {buffer + 8192, 1, true}});
    ring.offer(2);
    EXPECT_EQ(tap->scan().entries, 1U);
    EXPECT_EQ(tap->in_flight(), 1U);

    ring.write(buffer + 4096, "answer");
    ring.use(2, 6);
    EXPECT_EQ(tap->scan().entries, 1U);
    EXPECT_EQ(tap->in_flight(), 0U);

    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].state, State::available);
    EXPECT_EQ(entries[0].head, 2);
    EXPECT_EQ(entries[0].index, 0);
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[0].problem, 0);
    ASSERT_EQ(entries[0].descriptors.size(), 3U);
    EXPECT_EQ(entries[0].descriptors[1].length, 100U);
    EXPECT_EQ(text_of(entries[0].content), "request");
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(entries[1].used_length, 6U);
    EXPECT_EQ(entries[1].proof, Proof::verified);
    EXPECT_TRUE(entries[1].descriptors.empty());
    EXPECT_EQ(text_of(entries[1].content), "answer");
    EXPECT_EQ(recorder.all<trace::ChainRecord>()[1].fields.used_index, 1);
    EXPECT_EQ(recorder.counts().chains_lost + recorder.counts().completions_lost, 0U);
}

TEST_F(SplitRingTapTest, FollowsAnIndirectTable) {
    start();
    ring.write(buffer, "head");
    ring.describe_indirect(0, buffer + 65536, {{buffer, 4, false}, {buffer + 4096, 8, true}});
    ring.offer(0);
    tap->scan();
    ring.write(buffer + 4096, "12345678");
    ring.use(0, 8);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].descriptors.size(), 3U);
    EXPECT_EQ(text_of(entries[0].content), "head");
    EXPECT_EQ(text_of(entries[1].content), "12345678");
}

TEST_F(SplitRingTapTest, CallsLateWhatWasUsedBeforeItWasCopied) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    ring.use(0, 0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].proof, Proof::late);
    EXPECT_EQ(entries[1].proof, Proof::verified);
}

TEST_F(SplitRingTapTest, CallsLateWhatWasOfferedAgainBeforeItWasCopied) {
    start();
    ring.describe_chain(0, {{buffer, 4, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 4);
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(entries[1].proof, Proof::late);
    EXPECT_EQ(entries[2].state, State::available);
    EXPECT_EQ(entries[2].index, 1);
    EXPECT_EQ(entries[2].proof, Proof::verified);
    EXPECT_EQ(tap->in_flight(), 1U);
}

// SeaBIOS polls with interrupts off and uses a buffer again at once, long before it offers the head again.
TEST_F(SplitRingTapTest, CallsLateWhatADriverThatPollsMayHaveTaken) {
    start();
    ring.put<std::uint16_t>(ring.layout().available, virtio::available_no_interrupt);
    ring.describe_chain(0, {{buffer, 4, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 4);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[1].proof, Proof::late);
}

TEST_F(SplitRingTapTest, CallsLateWhatTheDriversUsedEventHasPassed) {
    SplitRingTap::Options options;
    options.event_index = true;
    start(options);
    for (const std::uint16_t head : {std::uint16_t{0}, std::uint16_t{1}}) {
        ring.describe_chain(head, {{buffer, 4, true}});
        ring.offer(head);
    }
    tap->scan();
    ring.use(0, 4);
    ring.use(1, 4);
    ring.put<std::uint16_t>(ring.layout().available + ring.layout().used_event(), 1);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[2].proof, Proof::late) << "the driver asks to be called for the completion after this one";
    EXPECT_EQ(entries[3].proof, Proof::verified);
}

TEST_F(SplitRingTapTest, PutsStepsOfOneHeadInOrderWhenItCameAroundTwice) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.describe_chain(1, {{buffer, 4, false}});
    for (const std::uint16_t head : std::vector<std::uint16_t>{0, 1, 0}) {
        ring.offer(head);
        ring.use(head, 0);
    }
    tap->scan();
    std::vector<std::pair<State, int>> of_head_0;
    for (const auto& entry : recorder.entries()) {
        if (entry.head == 0) {
            of_head_0.emplace_back(entry.state, entry.index);
        }
    }
    EXPECT_THAT(of_head_0, ElementsAre(std::pair{State::available, 0}, std::pair{State::used, 0},
                                       std::pair{State::available, 2}, std::pair{State::used, 2}));
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(SplitRingTapTest, GoesOnAcrossTheWrapOfTheIndices) {
    start({}, 65530);
    for (int i = 0; i < 40; ++i) {
        const auto head = static_cast<std::uint16_t>(i % 16);
        ring.describe_chain(head, {{buffer, 4, false}});
        ring.offer(head);
        tap->scan();
        ring.use(head, 0);
        tap->scan();
    }
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers, 40U);
    EXPECT_EQ(counts.completions, 40U);
    EXPECT_EQ(counts.verified, 80U);
    EXPECT_EQ(recorder.entries().back().index, static_cast<std::uint16_t>(65530 + 39));
}

TEST_F(SplitRingTapTest, TakesCompletionsOutOfOrder) {
    start();
    for (std::uint16_t head = 0; head < 4; ++head) {
        ring.describe_chain(head, {{buffer + head * 64U, 8, true}});
        ring.offer(head);
    }
    tap->scan();
    for (const std::uint16_t head : std::vector<std::uint16_t>{2, 0, 3, 1}) {
        ring.write(buffer + head * 64U, std::string(8, static_cast<char>('a' + head)));
        ring.use(head, 8);
    }
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 8U);
    EXPECT_EQ(text_of(entries[4].content), "cccccccc");
    EXPECT_EQ(text_of(entries[7].content), "bbbbbbbb");
    EXPECT_EQ(recorder.all<trace::ChainRecord>().size(), 2U);
}

TEST_F(SplitRingTapTest, ExpandsBatchesOfInOrderQueues) {
    SplitRingTap::Options options;
    options.in_order = true;
    start(options);
    for (std::uint16_t head = 0; head < 5; ++head) {
        ring.describe_chain(head, {{buffer + head * 64U, 8, true}});
        ring.offer(head);
    }
    tap->scan();
    recorder.clear();
    // One element for heads 0 to 2, in the slot of the first; then one for 3 and 4.
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(0), 2);
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(0) + 4, 5);
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(3), 4);
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(3) + 4, 8);
    ring.publish_used(5);
    tap->scan();
    std::vector<std::pair<int, std::uint32_t>> used;
    for (const auto& entry : recorder.entries()) {
        used.emplace_back(entry.head, entry.used_length);
    }
    EXPECT_THAT(used,
                ElementsAre(std::pair{0, 8U}, std::pair{1, 8U}, std::pair{2, 5U}, std::pair{3, 8U}, std::pair{4, 8U}));
    EXPECT_EQ(tap->in_flight(), 0U);
}

TEST_F(SplitRingTapTest, KeepsOfEachBufferWhatTheSnapLengthAllows) {
    SplitRingTap::Options options;
    options.snap_length = 4;
    start(options);
    ring.write(buffer, "abcdefgh");
    ring.describe_chain(0, {{buffer, 8, false}, {buffer + 2, 3, false}});
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].proof, Proof::partial);
    EXPECT_EQ(entries[0].content.size(), 11U);
    EXPECT_EQ(entries[0].content.missing(), 4U);
}

TEST_F(SplitRingTapTest, RecordsNoGuestBytesInModeNone) {
    SplitRingTap::Options options;
    options.memory = MemoryMode::none;
    start(options);
    ring.describe_chain(0, {{buffer, 8, false}, {buffer + 64, 8, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 8);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    for (const auto& entry : entries) {
        EXPECT_EQ(entry.proof, Proof::absent);
        EXPECT_EQ(entry.content.missing(), 8U);
    }
}

TEST_F(SplitRingTapTest, WritesZeroPagesAsZeroRuns) {
    start();
    ring.write(buffer + 8192, "x");
    ring.describe_chain(0, {{buffer, 12288, false}});
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].content.size(), 12288U);
    EXPECT_EQ(entries[0].content.literal().size(), 4096U);
}

TEST_F(SplitRingTapTest, CutsAChainThatIsLargerThanARecord) {
    recorder.set_largest_record(65536);
    start();
    ring.write(buffer, Bytes(1U << 20U, std::byte{1}));
    ring.describe_chain(0, {{buffer, 1U << 20U, false}});
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].proof, Proof::partial);
    EXPECT_EQ(entries[0].content.size(), 1U << 20U);
    EXPECT_LT(entries[0].content.literal().size(), 65536U);
    EXPECT_GT(entries[0].content.literal().size(), 60000U);
}

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

TEST_F(SplitRingTapTest, KnowsChainsThatWereInFlightBeforeItBegan) {
    ring.put<std::uint16_t>(ring.layout().available + 2, 5);
    ring.put<std::uint16_t>(ring.layout().used + 2, 3);
    ring.next_use = 3;
    tap.emplace(SplitRingTap::Options{}, recorder);
    ASSERT_TRUE(tap->place(ring.layout(), mappings));
    tap->start(5);
    ring.use(9, 0);
    ring.use(10, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().completions, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(SplitRingTapTest, BeginsAtTheBaseWhenTheDeviceWasQuicker) {
    ring.describe_chain(0, {{buffer, 1, false}});
    ring.offer(0);
    ring.use(0, 0);
    tap.emplace(SplitRingTap::Options{}, recorder);
    ASSERT_TRUE(tap->place(ring.layout(), mappings));
    tap->start(0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 1U);
}

TEST_F(SplitRingTapTest, SaysWhenNotificationsAreOff) {
    SplitRingTap::Options options;
    options.event_index = true;
    start(options);
    tap->scan();
    EXPECT_FALSE(tap->kicks_suppressed());
    EXPECT_FALSE(tap->calls_suppressed());
    ring.put<std::uint16_t>(ring.layout().used + ring.layout().available_event(), 9);
    ring.put<std::uint16_t>(ring.layout().available + ring.layout().used_event(), 9);
    tap->scan();
    EXPECT_TRUE(tap->kicks_suppressed());
    EXPECT_TRUE(tap->calls_suppressed());
    start();
    ring.put<std::uint16_t>(ring.layout().available, virtio::available_no_interrupt);
    tap->scan();
    EXPECT_TRUE(tap->calls_suppressed());
    EXPECT_FALSE(tap->kicks_suppressed());
    ring.put<std::uint16_t>(ring.layout().used, virtio::used_no_notify);
    tap->scan();
    EXPECT_TRUE(tap->kicks_suppressed());
}

TEST_F(SplitRingTapTest, KeepsTheOldMemoryOfChainsInFlight) {
    start();
    ring.write(buffer, "old");
    ring.describe_chain(0, {{buffer, 3, true}});
    ring.offer(0);
    tap->scan();
    // The buffer's region is gone from the table, the ring's is not: the same file, cut off before the buffer.
    std::vector<FileDescriptor> descriptors;
    descriptors.push_back(ring.file());
    const std::vector<std::uint32_t> ids{2};
    auto known = ring.region(2);
    known.region.size = buffer - RingPair::guest_address;
    const auto next = GuestMappings::next(mappings.get(), {known}, {&descriptors, &ids}, true);
    ASSERT_TRUE(next.problems.empty());
    ASSERT_TRUE(tap->place(ring.layout(), next.mappings));
    mappings.reset();
    ring.use(0, 3);
    ring.describe_chain(1, {{buffer, 3, false}});
    ring.offer(1);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[1].head, 1);
    EXPECT_EQ(entries[1].problem, static_cast<std::uint16_t>(ChainProblem::buffer_outside));
    EXPECT_EQ(entries[1].proof, Proof::absent);
    EXPECT_EQ(text_of(entries[2].content), "old");
}

TEST_F(SplitRingTapTest, OutlivesMemoryThatIsCutAway) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    ring.truncate(buffer - RingPair::guest_address);
    tap->scan();
    ASSERT_EQ(recorder.entries().size(), 1U);
    EXPECT_EQ(recorder.entries()[0].proof, Proof::absent);
    ring.truncate(0);
    EXPECT_EQ(tap->scan().entries, 0U);
    EXPECT_EQ(tap->scan().entries, 0U);
    EXPECT_EQ(recorder.counts().notes, 1U);
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
