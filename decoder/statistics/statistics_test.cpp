#include "vutrace/statistics/statistics.h"

#include <vutrace/session/testing/session_builder.h>
#include <vutrace/virtio/packed_ring.h>

#include <gmock/gmock.h>

#include <functional>
#include <utility>
#include <vector>

namespace vutrace::statistics {
namespace {

using session::testing::BlockSession;
using session::testing::SessionBuilder;
using Event = trace::EventRecord;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t step = SessionBuilder::time_step;
constexpr std::uint64_t event_index = std::uint64_t{1} << protocol::feature::RING_EVENT_IDX;

// A block device whose queue 0 is driven entry by entry.
class StatisticsTest : public testing::Test {
  protected:
    explicit StatisticsTest(std::uint64_t more_features = 0, const char* data_path = "relay") {
        BlockSession::connect(session);
        session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", data_path}}});
        session.set(SessionBuilder::Request::SET_FEATURES, BlockSession::features | more_features);
        BlockSession::add_regions(session);
        BlockSession::start_queue(session);
    }

    trace::ChainEntry write(std::uint16_t head) {
        return BlockSession::write_request(head, available++, 8, 0x200000, Bytes(512));
    }
    trace::ChainEntry done(std::uint16_t head) {
        return session::testing::used_entry(head, used++, session::testing::literal(Bytes(1)));
    }
    void offer(std::vector<std::uint16_t> heads) {
        std::vector<trace::ChainEntry> entries;
        for (const std::uint16_t head : heads) {
            entries.push_back(write(head));
        }
        session.chains(0, std::move(entries), fields);
    }
    void complete(std::vector<std::uint16_t> heads) {
        std::vector<trace::ChainEntry> entries;
        for (const std::uint16_t head : heads) {
            entries.push_back(done(head));
        }
        session.chains(0, std::move(entries), fields);
    }
    void kick(std::uint64_t count = 1) { session.add(Event{Event::Kind::kick, 0, count}); }
    void call() { session.add(Event{Event::Kind::call, 0, 1}); }

    const Statistics& statistics(const std::function<bool(const explain::Annotation&, std::size_t)>& selects = {}) {
        if (std::exchange(taken_, true)) {
            return statistics_;
        }
        explain::Annotator annotator;
        for (const trace::Record& record : session.records()) {
            const explain::Annotation& annotation = annotator.annotate(record);
            Statistics::Selected selected;
            if (selects) {
                selected = [&](std::size_t entry) { return selects(annotation, entry); };
            }
            statistics_.add(annotation, annotator.tracker(), selected);
        }
        statistics_.finish();
        return statistics_;
    }
    const QueueStatistics& queue() { return statistics().sessions().at(1).queues.at(0); }

    SessionBuilder session;
    trace::RingFields fields;
    std::uint16_t available{0}, used{0};  // indices of what comes next

  private:
    Statistics statistics_;
    bool taken_{false};
};

class EventIndexStatistics : public StatisticsTest {
  protected:
    EventIndexStatistics() : StatisticsTest(event_index) {}
};

class PackedStatistics : public StatisticsTest {
  protected:
    PackedStatistics() : StatisticsTest(std::uint64_t{1} << protocol::feature::RING_PACKED) { available = 0x8000; }
};

class ShadowStatistics : public StatisticsTest {
  protected:
    ShadowStatistics() : StatisticsTest(0, "shadow") {}
};

TEST_F(StatisticsTest, ChainsAreCountedWithBytesAndLatencyByRequest) {
    offer({0, 3});
    complete({3});
    session.pass(10 * step);
    complete({0});
    EXPECT_EQ(queue().all.available, 2U);
    EXPECT_EQ(queue().all.used, 2U);
    EXPECT_EQ(queue().all.readable_bytes, 2U * (16 + 512));
    EXPECT_EQ(queue().all.used_bytes, 2U);
    EXPECT_EQ(queue().all.latency.least(), static_cast<std::uint64_t>(step));
    EXPECT_EQ(queue().all.latency.largest(), static_cast<std::uint64_t>(12 * step));
    EXPECT_EQ(queue().descriptors.largest(), 3U);
    EXPECT_EQ(queue().last_time - queue().first_time, 12 * step);
    ASSERT_EQ(queue().by_request.size(), 1U);
    EXPECT_EQ(queue().by_request.at("OUT").used, 2U);
    EXPECT_EQ(statistics().sessions().at(1).device, 2U);
    EXPECT_EQ(statistics().sessions().at(1).data_path, "relay");
}

TEST_F(StatisticsTest, DepthIsHowManyAreInFlight) {
    offer({0, 3});
    complete({0});
    offer({6});
    complete({3, 6});
    EXPECT_THAT(queue().depth.buckets(), ElementsAre(Histogram::Bucket{1, 1, 1}, Histogram::Bucket{2, 2, 2}));
    EXPECT_DOUBLE_EQ(queue().mean_depth, (2 + 1 + 2) / 3.0) << "two, one, two, for a step each";
}

TEST_F(StatisticsTest, WhatAStoppedQueueLeftIsInFlightNoMore) {
    offer({0, 3});
    BlockSession::stop_queue(session, 0, 2);
    BlockSession::start_queue(session, 0, 0);
    available = 0;
    offer({0});
    EXPECT_EQ(queue().depth.largest(), 2U);
    EXPECT_EQ(queue().depth.buckets().front(), (Histogram::Bucket{1, 1, 2}));
}

TEST_F(StatisticsTest, ANotificationIsForTheChainsSinceTheOneBefore) {
    kick();
    offer({0, 3, 6});
    kick(2);
    offer({9});
    const auto& kicks = queue().kicks;
    EXPECT_EQ(kicks.sent, 3U);
    EXPECT_EQ(kicks.superfluous, 0U);
    EXPECT_EQ(kicks.suppressed, 0U);
    EXPECT_THAT(kicks.chains.buckets(), ElementsAre(Histogram::Bucket{1, 1, 1}, Histogram::Bucket{3, 3, 1}));
}

TEST_F(StatisticsTest, ANotificationWithNothingNewOnBothSidesIsSuperfluous) {
    kick();
    kick();
    offer({0});
    kick();
    complete({0});
    call();
    call();
    call();
    EXPECT_EQ(queue().kicks.superfluous, 1U) << "of the first two one was for the chain";
    EXPECT_EQ(queue().calls.superfluous, 1U) << "what follows the last one is not known";
}

TEST_F(StatisticsTest, ARingWithoutNotificationsHasNoneToCountChainsFor) {
    offer({0});
    complete({0});
    EXPECT_TRUE(queue().kicks.chains.empty());
    EXPECT_TRUE(queue().calls.chains.empty());
}

TEST_F(StatisticsTest, FlagsSuppressNotifications) {
    fields.used_flags = virtio::used_no_notify;
    offer({0, 3});
    fields.used_flags = 0;
    offer({6});
    fields.available_flags = virtio::available_no_interrupt;
    complete({0});
    EXPECT_EQ(queue().kicks.suppressed, 2U);
    EXPECT_EQ(queue().calls.suppressed, 1U);
}

TEST_F(EventIndexStatistics, TheEventIndexSuppressesNotifications) {
    fields.available_event = 1;
    fields.used_event = 0;
    offer({0});     // index 0, not past 1
    offer({3});     // index 1 is
    complete({0});  // index 0 is past 0
    complete({3});
    EXPECT_EQ(queue().kicks.suppressed, 1U);
    EXPECT_EQ(queue().calls.suppressed, 1U);
}

// Positions of which bit 15 is the wrap counter; each of these chains takes three descriptors.
TEST_F(PackedStatistics, TheEventAreasSuppressNotifications) {
    fields.used_flags = virtio::PackedEvent::disable;
    fields.available_index = 0x8003;
    offer({0});
    available = 0x8003;
    fields.used_flags = virtio::PackedEvent::descriptor;
    fields.available_event = 0x8004;
    fields.available_index = 0x8006;
    offer({3});
    available = 0x8006;
    fields.available_index = 0x8009;
    offer({6});
    EXPECT_EQ(queue().kicks.suppressed, 2U) << "only the second passes position 4";
}

TEST_F(StatisticsTest, OnlyWhatWasSeenBeforeItsCallHasADelay) {
    offer({0, 3});
    complete({0});
    session.pass(4 * step);
    call();
    complete({3});
    offer({6});
    complete({6});
    call();
    EXPECT_EQ(queue().found_at_call, 1U);
    EXPECT_EQ(queue().call_delay.count(), 2U);
    EXPECT_EQ(queue().call_delay.largest(), static_cast<std::uint64_t>(5 * step));
    EXPECT_EQ(queue().call_delay.least(), static_cast<std::uint64_t>(step));
}

TEST_F(ShadowStatistics, ACallComesAfterWhatItIsFor) {
    offer({0, 3});
    complete({0});
    call();
    complete({3});
    call();
    EXPECT_EQ(queue().found_at_call, 0U);
    EXPECT_EQ(queue().call_delay.count(), 2U);
}

TEST_F(StatisticsTest, CompletionsThatNoCallIsWantedForHaveNoDelay) {
    offer({0});
    fields.available_flags = virtio::available_no_interrupt;
    complete({0});
    call();
    EXPECT_TRUE(queue().call_delay.empty());
}

TEST_F(StatisticsTest, AUsedChainWhoseOfferIsNotThereHasNoLatency) {
    complete({5});
    EXPECT_EQ(queue().all.used, 1U);
    EXPECT_TRUE(queue().all.latency.empty());
    EXPECT_THAT(queue().by_request, IsEmpty());
}

TEST_F(StatisticsTest, LossesAreCounted) {
    session.add(trace::GapRecord{0, 7, 0, 0, "queue full"});
    session.add(trace::GapRecord{trace::no_queue, 2, 0, 0, "queue full"});
    EXPECT_EQ(queue().lost, 7U);
    EXPECT_FALSE(queue().lost_at_least);
}

TEST_F(StatisticsTest, ALossThatMayHaveBeenLargerMakesTheSumALowerBound) {
    session.add(trace::GapRecord{0, 7, 0, 0, "gone round", true});
    session.add(trace::GapRecord{0, 2, 0, 0, "queue full"});
    EXPECT_EQ(queue().lost, 9U);
    EXPECT_TRUE(queue().lost_at_least);
}

TEST_F(StatisticsTest, OnlyWhatIsSelectedIsCountedButDepthIsThatOfAll) {
    offer({0, 3});
    kick();
    complete({0, 3});
    const auto second = [](const explain::Annotation& annotation, std::size_t entry) {
        return std::holds_alternative<trace::ChainRecord>(annotation.record->body) && entry == 1;
    };
    const QueueStatistics& sum = statistics(second).sessions().at(1).queues.at(0);
    EXPECT_EQ(sum.all.available, 1U);
    EXPECT_EQ(sum.all.used, 1U);
    EXPECT_EQ(sum.kicks.sent, 0U);
    EXPECT_EQ(sum.depth.largest(), 2U);
}

}  // namespace
}  // namespace vutrace::statistics
