// How many chains a tap counts that it did not see, and when it says that it may have been more.
#include "testing/tapped_ring.h"

#include <gtest/gtest.h>

namespace vutrace::capture {
namespace {

using namespace std::chrono_literals;
using testing::RingPair;

class SplitRingTapCountTest : public testing::SplitRingTapTest {
  protected:
    void start_polled() {
        SplitRingTap::Options options;
        options.clock = [this] { return now; };
        (void)start(std::move(options));
        poll();
        (void)tap->scan();
    }
    // The device wants no kicks: nobody tells of the first chain.
    void poll() { ring.put<std::uint16_t>(ring.layout().used, virtio::used_no_notify); }
    // So many chains go by, of which nobody sees anything.
    void pass(std::uint64_t chains) {
        ring.next_offer = static_cast<std::uint16_t>(ring.next_offer + chains);
        ring.set_indices(ring.next_offer);
        passed += chains;
    }
    std::uint64_t lost() { return recorder.counts().chains_lost; }
    bool is_lower_bound() {
        const auto gaps = recorder.all<trace::GapRecord>();
        return std::any_of(gaps.begin(), gaps.end(), [](const trace::GapRecord& gap) { return gap.at_least; });
    }

    std::chrono::nanoseconds now{1h};
    std::uint64_t passed{0};
};

TEST_F(SplitRingTapCountTest, IsExactWhereLooksAreCloseEnough) {
    start_polled();
    for (int i = 0; i < 10; ++i) {
        now += 600us;
        pass(59'999);
        (void)tap->scan();
    }
    EXPECT_EQ(lost(), passed);
    EXPECT_FALSE(is_lower_bound());
}

TEST_F(SplitRingTapCountTest, IsALowerBoundWhereARoundMayHavePassed) {
    start_polled();
    now += 700us;
    pass(65536 + 1000);
    (void)tap->scan();
    EXPECT_EQ(lost(), 1000U);
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 2U);
    EXPECT_TRUE(gaps[0].at_least);
    EXPECT_EQ(gaps[0].records, 1000U);
    EXPECT_EQ(gaps[1].chains, 1000U);
    EXPECT_TRUE(gaps[1].at_least) << "what was offered is in the same doubt as what completed";
}

TEST_F(SplitRingTapCountTest, CountingLooksKeepItExact) {
    start_polled();
    for (int i = 0; i < 40; ++i) {
        now += tap->counting_interval();
        pass(40'000);
        tap->count();
    }
    now += tap->counting_interval();
    (void)tap->scan();
    EXPECT_EQ(lost(), passed) << "many rounds";
    EXPECT_FALSE(is_lower_bound());
    EXPECT_LE(tap->counting_interval(), 65536 * RoundWatch::shortest_step);
    EXPECT_TRUE(recorder.entries().empty());
}

TEST_F(SplitRingTapCountTest, CountingLooksRecordNothingAndTakeNothing) {
    start_polled();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    for (int i = 0; i < 3; ++i) {
        tap->count();
    }
    EXPECT_TRUE(recorder.entries().empty());
    (void)tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(lost(), 0U);
}

TEST_F(SplitRingTapCountTest, ACountingLookThatWasLateIsNotForgotten) {
    start_polled();
    now += 2ms;
    pass(100);
    tap->count();
    now += 100us;
    pass(100);
    (void)tap->scan();
    EXPECT_EQ(lost(), 200U);
    EXPECT_TRUE(is_lower_bound());
}

// A round more would look as if only these few had passed.
TEST_F(SplitRingTapCountTest, ALateLookThatSeesNoLossMarksTheNextGap) {
    start_polled();
    now += 10ms;
    pass(65536);
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    (void)tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_TRUE(recorder.all<trace::GapRecord>().empty());
    now += 100us;
    ring.use(0, 0);
    pass(50);
    (void)tap->scan();
    ASSERT_EQ(recorder.all<trace::GapRecord>().size(), 2U) << "offers and completions";
    EXPECT_TRUE(recorder.all<trace::GapRecord>().front().at_least);
}

TEST_F(SplitRingTapCountTest, OnlyTheGapBehindALateLookIsMarked) {
    start_polled();
    now += 10ms;
    pass(50);
    (void)tap->scan();
    now += 100us;
    pass(60);
    (void)tap->scan();
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 4U);
    EXPECT_TRUE(gaps[0].at_least);
    EXPECT_TRUE(gaps[1].at_least);
    EXPECT_FALSE(gaps[2].at_least);
    EXPECT_FALSE(gaps[3].at_least);
    EXPECT_EQ(gaps[2].records, 60U);
    EXPECT_EQ(gaps[3].chains, 60U);
}

TEST_F(SplitRingTapCountTest, SaysAtTheEndWhatNoGapSaid) {
    start_polled();
    now += 10ms;
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    (void)tap->scan();
    tap->say_doubt();
    tap->say_doubt();
    const auto notes = recorder.all<trace::NoteRecord>();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes.front().text.find("up to 10000 µs apart"), std::string::npos) << notes.front().text;
    EXPECT_EQ(notes.front().severity, trace::NoteRecord::Severity::info);
}

TEST_F(SplitRingTapCountTest, NothingIsInDoubtWhereTheRingStandsStill) {
    start_polled();
    for (int i = 0; i < 5; ++i) {
        now += 1s;
        (void)tap->scan();
    }
    tap->say_doubt();
    EXPECT_EQ(recorder.counts().notes, 0U);
}

// The driver kicks for the first chain, and that wakes the tap: until then nothing passed.
TEST_F(SplitRingTapCountTest, NothingIsInDoubtWhereTheDriverKicks) {
    start_polled();
    ring.put<std::uint16_t>(ring.layout().used, 0);
    (void)tap->scan();
    now += 1s;
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    (void)tap->scan();
    tap->say_doubt();
    EXPECT_EQ(recorder.counts().notes, 0U);
    tap->set_woken(false);  // muted: kicks tell us nothing
    now += 1s;
    ring.use(0, 0);
    (void)tap->scan();
    tap->say_doubt();
    EXPECT_EQ(recorder.counts().notes, 1U);
}

// Whatever the driver says: so many in so long a time may have been more.
TEST_F(SplitRingTapCountTest, ALossIsInDoubtAlsoWhereTheDriverKicks) {
    start_polled();
    ring.put<std::uint16_t>(ring.layout().used, 0);
    (void)tap->scan();
    now += 1s;
    pass(100);
    (void)tap->scan();
    EXPECT_EQ(lost(), 100U);
    EXPECT_TRUE(is_lower_bound());
}

TEST_F(SplitRingTapCountTest, ATapThatBeginsLateDoesNotKnowHowMuchPassed) {
    SplitRingTap::Options options;
    options.clock = [this] { return now; };
    options.queue = 3;
    tap.emplace(std::move(options), recorder);
    ASSERT_TRUE(tap->place(ring.layout(), mappings));
    ring.set_indices(500);
    tap->start(0);
    (void)tap->scan();
    EXPECT_EQ(lost(), 500U);
    EXPECT_TRUE(is_lower_bound());
}

TEST_F(SplitRingTapCountTest, AnEarlierLifeLeavesNoDoubt) {
    SplitRingTap::Options options;
    options.clock = [this] { return now; };
    tap.emplace(std::move(options), recorder);
    ASSERT_TRUE(tap->place(ring.layout(), mappings));
    ring.set_indices(500);
    ring.put<std::uint16_t>(ring.layout().used + 2, 495);  // five are in flight
    tap->start(500);
    (void)tap->scan();
    tap->say_doubt();
    EXPECT_EQ(lost(), 0U);
    EXPECT_EQ(recorder.counts().notes, 0U);
}

// A quarter of the queue since the last look.
TEST_F(SplitRingTapCountTest, SaysWhenTheRingMovesFast) {
    start_polled();
    ring.describe_chain(0, {{buffer, 4, false}});
    for (const int heads : {3, 4}) {
        for (std::uint16_t head = 0; head < heads; ++head) {
            ring.describe_chain(head, {{buffer, 4, false}});
            ring.offer(head);
            ring.use(head, 0);
        }
        EXPECT_EQ(tap->scan().fast, heads == 4) << "of 16";
    }
    pass(100);
    EXPECT_TRUE(tap->scan().fast) << "also where all of it was missed";
    EXPECT_FALSE(tap->scan().fast);
}

// What the device still has is in the ring, however much went by before.
TEST_F(SplitRingTapCountTest, GoesOnFromWhatTheDeviceStillHas) {
    start_polled();
    now += 100us;
    pass(1000);
    for (std::uint16_t head = 0; head < 5; ++head) {
        ring.describe_chain(head, {{buffer, 4, false}});
        ring.offer(head);
    }
    (void)tap->scan();
    EXPECT_EQ(lost(), 1000U);
    auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 5U);
    for (const trace::ChainEntry& entry : entries) {
        EXPECT_EQ(entry.index, 1000 + entry.head);
        EXPECT_EQ(entry.proof, trace::Proof::late) << "its completion may be among those that were missed";
    }
    for (const std::uint32_t head : {0U, 1U, 2U, 3U, 4U}) {
        ring.use(head, 0);
    }
    ring.describe_chain(7, {{buffer, 4, false}});
    ring.offer(7);
    (void)tap->scan();
    EXPECT_EQ(recorder.counts().completions, 5U);
    EXPECT_EQ(recorder.entries().front().proof, trace::Proof::late);
    EXPECT_EQ(recorder.counts().offers, 6U);
    EXPECT_EQ(lost(), 1000U);
    EXPECT_GE(recorder.counts().verified, 1U) << "from then on everything is followed again";
}

// The tap has taken what the ring held; then more completions go by than it holds, and fewer offers wait.
TEST_F(SplitRingTapCountTest, OffersWhoseCompletionsWereLostAreNotTakenForTheDevices) {
    start_polled();
    const auto size = static_cast<std::uint16_t>(ring.layout().size);
    const auto offer = [this](std::uint16_t head) {
        ring.describe_chain(head, {{buffer, 4, false}});
        ring.offer(head);
    };
    for (std::uint16_t head = 0; head < size; ++head) {
        offer(head);
    }
    (void)tap->scan();
    ASSERT_EQ(recorder.counts().offers, size);
    for (std::uint16_t head = 0; head < size; ++head) {
        ring.use(head, 0);
    }
    offer(0);
    offer(1);
    offer(2);
    ring.use(0, 0);
    (void)tap->scan();
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.completions_lost, size + 1U);
    EXPECT_EQ(counts.chains_lost, 1U) << "the first of the three is done";
    EXPECT_EQ(counts.offers, size + 2U);
    EXPECT_EQ(recorder.entries().back().head, 2);
}

}  // namespace
}  // namespace vutrace::capture
