#include "vutrace/session/history.h"

#include "vutrace/session/testing/session_builder.h"

#include <gtest/gtest.h>

namespace vutrace::session {
namespace {

using testing::BlockSession;
using testing::SessionBuilder;
using R = protocol::FrontEndRequest;

class HistoryTest : public ::testing::Test {
  protected:
    // Of all that was built.
    [[nodiscard]] History history() const {
        History history;
        for (const trace::Record& record : builder_.records()) {
            history.take(record);
        }
        return history;
    }
    static void expect_end(const History& history, std::uint32_t id, DescriptorEnd end, std::uint64_t sequence) {
        const DescriptorLife* life = history.find(1, id);
        ASSERT_NE(life, nullptr) << id;
        EXPECT_EQ(life->end, end) << id;
        EXPECT_EQ(life->ended, sequence) << id;
    }

    SessionBuilder builder_;
};

TEST_F(HistoryTest, SaysWhatEachDescriptorIsForAndWhoPassedIt) {
    BlockSession::start(builder_);
    const History lives = history();
    ASSERT_EQ(lives.descriptors().size(), 4U);
    const DescriptorLife* call = lives.find(1, 1);
    ASSERT_NE(call, nullptr);
    EXPECT_EQ(call->use, DescriptorUse::call);
    EXPECT_EQ(call->queue, 0U);
    EXPECT_EQ(call->sender, Side::front_end);
    EXPECT_EQ(call->request, static_cast<std::uint32_t>(R::SET_VRING_CALL));
    EXPECT_EQ(call->end, DescriptorEnd::none);
    EXPECT_FALSE(call->in_use(call->passed - 1));
    EXPECT_TRUE(call->in_use(call->passed));
    EXPECT_EQ(lives.find(1, 10)->use, DescriptorUse::memory);
    EXPECT_EQ(lives.find(1, 20)->use, DescriptorUse::kick);
    EXPECT_EQ(lives.find(1, 99), nullptr);
    EXPECT_TRUE(lives.whole());
}

TEST_F(HistoryTest, AnotherDescriptorOrNoneReplacesAKick) {
    BlockSession::start(builder_);
    const auto replaced = builder_.request(R::SET_VRING_KICK, protocol::serialise_u64(0), {30});
    const auto polling = builder_.request(R::SET_VRING_KICK, protocol::serialise_u64(0x100));
    const History lives = history();
    expect_end(lives, 20, DescriptorEnd::replaced, replaced);
    expect_end(lives, 30, DescriptorEnd::replaced, polling);
    EXPECT_FALSE(lives.find(1, 20)->in_use(replaced));
}

TEST_F(HistoryTest, AQueueThatStopsGivesUpItsKickAndCall) {
    BlockSession::start(builder_);
    BlockSession::stop_queue(builder_, 0, 7);
    const auto answer = builder_.last_sequence();
    builder_.request(R::SET_VRING_CALL, protocol::serialise_u64(0), {31});
    const History lives = history();
    expect_end(lives, 20, DescriptorEnd::queue_stopped, answer);
    expect_end(lives, 1, DescriptorEnd::queue_stopped, answer);
    expect_end(lives, 31, DescriptorEnd::none, 0);
}

TEST_F(HistoryTest, AnAnswerAboutAnotherQueueEndsNothing) {
    BlockSession::start(builder_);
    BlockSession::start_queue(builder_, 1);
    BlockSession::stop_queue(builder_, 1, 0);
    const auto answer = builder_.last_sequence();
    const History lives = history();
    expect_end(lives, 21, DescriptorEnd::queue_stopped, answer);
    expect_end(lives, 20, DescriptorEnd::none, 0);
}

TEST_F(HistoryTest, RegionsAreRemovedReplacedAndRefused) {
    BlockSession::start(builder_);
    const auto region = BlockSession::regions().front();
    const auto removed = builder_.request(R::REM_MEM_REG, protocol::serialise_region(region, false));
    protocol::MemoryRegion other = region;
    other.guest_address = 0x100000000;
    builder_.request_with_reply(R::ADD_MEM_REG, protocol::serialise_region(other, false), {40});
    const auto refusal = builder_.reply(R::ADD_MEM_REG, protocol::serialise_u64(1));
    const auto table = builder_.request(R::SET_MEM_TABLE, protocol::serialise_regions({region}, false), {41});
    const History lives = history();
    expect_end(lives, 10, DescriptorEnd::removed, removed);
    expect_end(lives, 40, DescriptorEnd::refused, refusal);
    expect_end(lives, 11, DescriptorEnd::replaced, table);
    expect_end(lives, 41, DescriptorEnd::none, 0);
    ASSERT_EQ(lives.epochs().size(), 6U);
    EXPECT_EQ(lives.epochs()[2].first, removed);
    EXPECT_EQ(lives.epochs()[2].regions, 1U);
    EXPECT_EQ(lives.epochs().back().number, 6U);
}

TEST_F(HistoryTest, EverythingEndsWithItsSession) {
    BlockSession::start(builder_);
    const auto closed = builder_.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    const History lives = history();
    for (const std::uint32_t id : {1U, 10U, 11U, 20U}) {
        expect_end(lives, id, DescriptorEnd::session_closed, closed);
    }
}

TEST_F(HistoryTest, WhatCannotBeParsedIsStillThere) {
    builder_.request(R::SET_VRING_KICK, Bytes(3), {50});
    builder_.message(Side::front_end, static_cast<R>(4242), protocol::version_1, {}, {51});
    trace::MessageRecord piece;
    piece.offset = 100;
    piece.descriptors.push_back({52, {}});
    builder_.add(piece);
    builder_.add(trace::MessageRecord{});
    const History lives = history();
    for (const std::uint32_t id : {50U, 51U, 52U}) {
        ASSERT_NE(lives.find(1, id), nullptr) << id;
        EXPECT_EQ(lives.find(1, id)->use, DescriptorUse::other) << id;
    }
    EXPECT_EQ(lives.find(1, 52)->request, 0U);
}

TEST_F(HistoryTest, OneOfAKindIsReplacedByTheNext) {
    builder_.request(R::SET_BACKEND_REQ_FD, {}, {60});
    const auto next = builder_.request(R::SET_BACKEND_REQ_FD, {}, {61});
    const History lives = history();
    expect_end(lives, 60, DescriptorEnd::replaced, next);
    expect_end(lives, 61, DescriptorEnd::none, 0);
}

}  // namespace
}  // namespace vutrace::session
