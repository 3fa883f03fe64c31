#include "testing/data_path_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;
using testing::RingPair;

TEST_F(DataPathTest, TapSeesChainsAndLeavesTheEventfdsAlone) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    run_with([&] {
        for (std::uint16_t round = 0; round < 100; ++round) {
            const auto head = static_cast<std::uint16_t>(round % 16);
            ring.describe_chain(head, {{RingPair::buffers, 8, false}});
            ring.offer(head);
            ASSERT_TRUE(signal_event(kick.first, 2));
            wait_until([&] { return recorder.counts().offers == round + 1U ? 1U : 0U; });
            EXPECT_EQ(*take_event(kick.second), 2U);
            EXPECT_EQ(ring.take(), head);
            ring.use(head, 0);
            ASSERT_TRUE(signal_event(call.second));
            wait_until([&] { return recorder.counts().completions == round + 1U ? 1U : 0U; });
            EXPECT_EQ(*take_event(call.first), 1U);
        }
    });
    EXPECT_EQ(recorder.counts().verified, 200U);
    EXPECT_GE(recorder.counts().kicks, 90U);
}

// Nobody notifies anybody: only the paced polling sees it.
TEST_F(DataPathTest, PollsWhereNotificationsAreOff) {
    for (const DataPathMode mode : {DataPathMode::tap, DataPathMode::relay}) {
        RingPair ring(16);
        recorder.clear();
        state = {};
        path.reset();
        open(mode);
        set_up_ring(ring);
        ring.put<std::uint16_t>(ring.layout().used, virtio::used_no_notify);
        ring.put<std::uint16_t>(ring.layout().available, virtio::available_no_interrupt);
        const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
        run_with([&] {
            for (std::uint16_t round = 0; round < 20; ++round) {
                const auto head = static_cast<std::uint16_t>(round % 16);
                ring.describe_chain(head, {{RingPair::buffers, 8, false}});
                ring.offer(head);
                wait_until([&] { return recorder.counts().offers == round + 1U ? 1U : 0U; });
                ring.use(head, 0);
                wait_until([&] { return recorder.counts().completions == round + 1U ? 1U : 0U; });
            }
        });
        EXPECT_EQ(recorder.counts().verified, 20U) << "a driver that polls may have had its buffers back";
    }
}

TEST_F(DataPathTest, LooksOnceMoreBeforeTheBaseIsAnswered) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    ring.offer(0);
    ring.use(0, 0);
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    EXPECT_EQ(recorder.counts().offers, 0U);
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 1}));
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 1U);
    // Restart at the base that was answered.
    ring.offer(0);
    const Ends again = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    EXPECT_EQ(recorder.counts().offers, 2U);
    path->session_ended();
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(DataPathTest, RecordsPackedRingsFromTheirBaseOn) {
    testing::PackedRingPair ring(10);
    open(DataPathMode::relay);
    set_up_packed_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    EXPECT_EQ(recorder.all<trace::MemoryRecord>().size(), 3U) << "the ring as it was at its start";
    ring.offer(4, {{RingPair::buffers, 8, false}, {RingPair::buffers + 64, 8, true}});
    run_with([&] {
        ASSERT_TRUE(signal_event(kick.first));
        EXPECT_EQ(wait_for_event(kick.second), 1U);
        ring.use(4, 8, 2);
    });
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0x80028002}));
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 1U);
    EXPECT_EQ(recorder.counts().notes, 0U);
    // Restart at the base that was answered.
    ring.offer(4, {{RingPair::buffers, 8, false}});
    const Ends again = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    EXPECT_EQ(recorder.counts().offers, 2U);
    EXPECT_EQ(recorder.entries().back().index, 0x8002);
    path->session_ended();
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(DataPathTest, SaysThatRingsBehindAnIommuAreNotRecorded) {
    RingPair ring(16);
    open(DataPathMode::relay);
    set_up_ring(ring, std::uint64_t{1} << protocol::feature::ACCESS_PLATFORM);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    run_with([&] {
        ASSERT_TRUE(signal_event(kick.first));
        EXPECT_EQ(wait_for_event(kick.second), 1U);
    });
    EXPECT_EQ(recorder.counts().notes, 1U);
    EXPECT_EQ(recorder.counts().kicks, 1U);
}

TEST_F(DataPathTest, ModeOffHoldsNothing) {
    RingPair ring(16);
    open(DataPathMode::off);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    ASSERT_TRUE(signal_event(kick.first, 2));
    EXPECT_EQ(*take_event(kick.second), 2U);
    path->session_ended();
    EXPECT_TRUE(recorder.entries().empty());
    EXPECT_TRUE(recorder.all<trace::MemoryRecord>().empty());
}

// The budget's arithmetic has tests of its own: here is what the tap does when it is used up, and afterwards.
TEST_F(DataPathTest, BeyondItsBudgetItIsNotWokenAndLooksByItself) {
    RingPair ring(16);
    path = DataPath::create({.mode = DataPathMode::tap, .budget = 0.002}, 1, recorder, loop, state);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    run_with([&] {
        while (recorder.counts().notes == 0) {
            const std::uint64_t before = recorder.counts().kicks;
            ASSERT_TRUE(signal_event(kick.first));
            wait_until([&] { return recorder.counts().kicks != before || recorder.counts().notes != 0 ? 1U : 0U; });
        }
        // The last one may have come between the look that was one too many and the end of listening.
        EXPECT_LE(*take_event(kick.second) - recorder.counts().kicks, 1U) << "all were seen until then";
        ring.offer(0);  // without a kick
        wait_until([&] { return recorder.counts().offers; });
        // What it saves up lets it be woken again.
        const std::uint64_t before = recorder.counts().kicks;
        wait_until([&] {
            EXPECT_TRUE(signal_event(kick.first));
            EXPECT_TRUE(take_event(kick.second));
            return recorder.counts().kicks - before;
        });
    });
    const auto notes = recorder.all<trace::NoteRecord>();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_THAT(notes[0].text, ::testing::HasSubstr("budget"));
    EXPECT_EQ(notes[0].severity, trace::NoteRecord::Severity::info);
}

TEST_F(DataPathTest, RecordsTheRingPartsWhenAQueueStarts) {
    RingPair ring(16);
    open(DataPathMode::tap, MemoryMode::rings);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    std::vector<std::pair<trace::MemoryRecord::Part, std::uint64_t>> parts;
    for (const auto& record : recorder.all<trace::MemoryRecord>()) {
        parts.emplace_back(record.part, record.address);
    }
    using Part = trace::MemoryRecord::Part;
    EXPECT_THAT(parts, ::testing::ElementsAre(std::pair{Part::descriptor, ring.layout().descriptor},
                                              std::pair{Part::available, ring.layout().available},
                                              std::pair{Part::used, ring.layout().used}));
}

}  // namespace
}  // namespace vutrace::capture
