#include "vutrace/overview/observer.h"

#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace vutrace::overview {
namespace {

using session::testing::BlockSession;
using session::testing::literal;
using session::testing::SessionBuilder;
using session::testing::used_entry;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using R = protocol::FrontEndRequest;

class ObserverTest : public ::testing::Test {
  protected:
    void observe() {
        explain::Annotator annotator;
        Observer observer(lanes_);
        for (const trace::Record& record : builder_.records()) {
            observer.observe(annotator.annotate(record), annotator, marks_);
        }
    }
    [[nodiscard]] std::vector<Mark> of(LaneKind kind, std::uint16_t queue = trace::no_queue) const {
        std::vector<Mark> out;
        const auto group = lanes_.find({1, queue});
        if (group) {
            std::copy_if(marks_.begin(), marks_.end(), std::back_inserter(out),
                         [&](const Mark& mark) { return mark.lane == Lanes::lane(*group, kind); });
        }
        return out;
    }
    [[nodiscard]] std::vector<std::uint64_t> values(LaneKind kind, std::uint16_t queue = trace::no_queue) const {
        std::vector<std::uint64_t> out;
        for (const Mark& mark : of(kind, queue)) {
            out.push_back(mark.value);
        }
        return out;
    }
    trace::ChainEntry offer(std::uint16_t index) {
        return BlockSession::write_request(static_cast<std::uint16_t>(index * 3), index, index, 0x100000, Bytes(16));
    }
    trace::ChainEntry done(std::uint16_t index) {
        return used_entry(static_cast<std::uint16_t>(index * 3), index, literal(Bytes(1)));
    }

    SessionBuilder builder_;
    Lanes lanes_;
    std::vector<Mark> marks_;
};

TEST_F(ObserverTest, MessagesStandInTheirChannelWithTheirName) {
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder_.request(R::GET_FEATURES);
    builder_.reply(R::GET_FEATURES, protocol::serialise_u64(1));
    trace::MessageRecord other;
    other.channel = Channel::back_end;
    other.sender = Side::back_end;
    other.bytes = session::testing::message_bytes(1, protocol::version_1, {});
    builder_.add(other);
    observe();
    const auto messages = of(LaneKind::front_end_channel);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].label, "GET_FEATURES");
    EXPECT_FALSE(messages[0].answers);
    EXPECT_TRUE(messages[1].answers);
    EXPECT_EQ(messages[1].row, 3U);
    EXPECT_EQ(of(LaneKind::back_end_channel).size(), 1U);
    EXPECT_EQ(of(LaneKind::session).size(), 1U);
}

TEST_F(ObserverTest, AMessageThatIsNoneIsBad) {
    builder_.request(R::SET_FEATURES, Bytes(3));
    observe();
    ASSERT_EQ(of(LaneKind::front_end_channel).size(), 1U);
    EXPECT_TRUE(of(LaneKind::front_end_channel)[0].bad);
}

TEST_F(ObserverTest, DepthGoesUpAndDownEntryByEntry) {
    BlockSession::start(builder_);
    builder_.chains(0, {offer(0), offer(1), offer(2)});
    builder_.chains(0, {done(1), offer(3), done(0)});
    observe();
    EXPECT_THAT(values(LaneKind::depth, 0), ElementsAre(1, 2, 3, 2, 3, 2));
    EXPECT_EQ(of(LaneKind::available, 0).size(), 4U);
    EXPECT_EQ(of(LaneKind::used, 0).size(), 2U);
    EXPECT_THAT(values(LaneKind::latency, 0), ElementsAre(SessionBuilder::time_step, SessionBuilder::time_step));
}

TEST_F(ObserverTest, AUsedChainThatWasNeverOfferedTakesNothingAway) {
    BlockSession::start(builder_);
    builder_.chains(0, {done(5)});
    observe();
    EXPECT_THAT(values(LaneKind::depth, 0), ElementsAre(0));
    EXPECT_THAT(values(LaneKind::latency, 0), IsEmpty());
}

TEST_F(ObserverTest, AResetAndTheSessionsEndLeaveNothingInFlight) {
    BlockSession::start(builder_);
    builder_.chains(0, {offer(0), offer(1)});
    builder_.request(R::RESET_OWNER);
    builder_.chains(0, {offer(2)});
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    observe();
    EXPECT_THAT(values(LaneKind::depth, 0), ElementsAre(1, 2, 0, 1, 0));
}

TEST_F(ObserverTest, EpochsGapsAndNotificationsHaveTheirLanes) {
    BlockSession::start(builder_);
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 3});
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::err, 0, 1});
    builder_.add(trace::GapRecord{0, 5, 2, 0, "too fast"});
    builder_.add(trace::GapRecord{0, UINT64_MAX, 2, 0, "very fast"});
    builder_.add(trace::NoteRecord{trace::NoteRecord::Severity::error, trace::no_queue, "no room"});
    observe();
    EXPECT_THAT(values(LaneKind::memory), ElementsAre(1, 2)) << "two regions were added";
    EXPECT_THAT(values(LaneKind::kick, 0), ElementsAre(3));
    EXPECT_EQ(of(LaneKind::call, 0).size(), 2U);
    EXPECT_TRUE(of(LaneKind::call, 0)[1].bad) << "an error";
    EXPECT_THAT(values(LaneKind::loss), ElementsAre(7, UINT64_MAX));
    EXPECT_TRUE(of(LaneKind::loss)[0].bad);
    EXPECT_TRUE(of(LaneKind::session).back().bad);
}

TEST_F(ObserverTest, TheMemoryEpochEndsWithTheSession) {
    BlockSession::start(builder_);
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    builder_.add(trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue, "still here"});
    observe();
    EXPECT_THAT(values(LaneKind::memory), ElementsAre(1, 2, 0));
    EXPECT_EQ(of(LaneKind::memory).back().row, builder_.last_sequence() - 1);
}

TEST_F(ObserverTest, FromTheMiddleItSeesWhatItSeesFromTheBeginning) {
    BlockSession::start(builder_);
    builder_.chains(0, {offer(0), offer(1)});
    builder_.request(R::RESET_OWNER);
    BlockSession::add_regions(builder_);
    builder_.chains(0, {offer(2)});
    builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    builder_.add(trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue, "still here"});
    observe();
    for (std::size_t from = 1; from < builder_.records().size(); ++from) {
        explain::Annotator annotator;
        Lanes lanes = lanes_;
        Observer observer(lanes);
        std::vector<Mark> marks;
        std::uint64_t first = 0;
        for (std::size_t i = 0; i < builder_.records().size(); ++i) {
            const trace::Record& record = builder_.records()[i];
            const explain::Annotation& annotation = annotator.annotate(record);
            if (i + 1 == from) {
                observer.start_at(annotator);
            } else if (i >= from) {
                first = first == 0 ? record.sequence : first;
                observer.observe(annotation, annotator, marks);
            }
        }
        const auto same = static_cast<std::size_t>(
            std::count_if(marks_.begin(), marks_.end(), [&](const Mark& mark) { return mark.row >= first; }));
        EXPECT_EQ(marks.size(), same) << "from record " << first;
    }
}

TEST(Lanes, HaveABound) {
    Lanes lanes;
    for (std::uint32_t i = 0; i < Lanes::most_groups; ++i) {
        ASSERT_TRUE(lanes.add({i, 0}));
    }
    EXPECT_FALSE(lanes.left_some_out());
    EXPECT_FALSE(lanes.add({Lanes::most_groups, 0}));
    EXPECT_TRUE(lanes.left_some_out());
    EXPECT_EQ(lanes.add({7, 0}), 7) << "what is there stays";
}

}  // namespace
}  // namespace vutrace::overview
