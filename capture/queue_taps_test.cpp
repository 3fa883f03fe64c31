// The end of a queue whose ring has more in it than one look takes.
#include "testing/data_path_fixture.h"
#include "testing/tapped_ring.h"

#include <gtest/gtest.h>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;
using testing::RingPair;
using testing::SplitRingTapTest;

TEST_F(SplitRingTapTest, CountsWhatIsLeftWhenItGivesUp) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.describe_chain(1, {{buffer, 4, true}});
    ring.offer(0);
    ring.offer(1);
    ring.use(0, 0);
    tap->give_up();
    EXPECT_EQ(recorder.counts().chains_lost, 2U);
    EXPECT_EQ(recorder.counts().completions_lost, 1U);
    tap->give_up();
    (void)tap->scan();
    EXPECT_EQ(recorder.counts().chains_lost, 2U);  // once
    EXPECT_EQ(recorder.entries().size(), 0U);
}

// DPDK clears a ring's memory as soon as its GET_VRING_BASE is answered; a tap of low priority may look only then.
TEST_F(SplitRingTapTest, ARingThatWasClearedBeforeTheLastLookClaimsNoLoss) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    ring.use(0, 0);
    (void)tap->scan();
    ASSERT_EQ(recorder.entries().size(), 2U);
    ring.set_indices(0);
    tap->end();
    (void)tap->scan();
    tap->give_up();
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
    EXPECT_EQ(recorder.counts().completions_lost, 0U);
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_NE(gaps[0].reason.find("used for something else"), std::string::npos);
}

// One look takes 16 MiB; the last one must not leave the rest out.
TEST_F(DataPathTest, LooksUntilNothingIsLeftBeforeAQueueEnds) {
    constexpr std::uint32_t chains = 12;
    constexpr std::uint32_t length = 3U << 20U;
    RingPair ring(16);
    open(DataPathMode::relay);
    set_up_ring(ring);
    (void)send_eventfd(FrontEndRequest::SET_VRING_KICK);
    for (std::uint16_t head = 0; head < chains; ++head) {
        ring.describe_chain(head, {{RingPair::buffers, length, false}});
        ring.offer(head);
    }
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers + counts.chains_lost, chains);
    EXPECT_GT(counts.offers, 6U);
}

}  // namespace
}  // namespace vutrace::capture
