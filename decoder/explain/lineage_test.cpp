#include <vutrace/explain/annotation.h>
#include <vutrace/explain/lineage.h>
#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>

namespace vutrace::explain {
namespace {

using protocol::FrontEndRequest;
using testing::HasSubstr;

// Two or more sessions in one trace.
class Lives {
  public:
    struct Ends {
        std::string front_end_process{"100"};
        std::string back_end_process{"200"};
        std::string endpoint{"listen:/run/vm.sock"};
    };

    void open(std::uint32_t session, const Ends& ends) {
        add(session, trace::SessionRecord{trace::SessionRecord::Kind::opened,
                                          {{"front-end.endpoint", ends.endpoint},
                                           {"back-end.endpoint", "connect:/run/blk.sock"},
                                           {"front-end.pid", ends.front_end_process},
                                           {"back-end.pid", ends.back_end_process}}});
    }
    void close(std::uint32_t session) {
        add(session, trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "reset"}}});
    }
    // `inode` 0: without a descriptor.
    void say(std::uint32_t session, Side sender, FrontEndRequest request, const Bytes& payload,
             std::uint64_t inode = 0) {
        trace::MessageRecord record;
        record.sender = sender;
        record.bytes = session::testing::message_bytes(static_cast<std::uint32_t>(request),
                                                       sender == Side::front_end ? 0x1 : 0x5, payload);
        if (inode != 0) {
            trace::Descriptor descriptor;
            descriptor.id = next_id_++;
            descriptor.description.inode = inode;
            record.descriptors.push_back(descriptor);
        }
        add(session, std::move(record));
    }
    void map_memory(std::uint32_t session, std::uint64_t inode) {
        say(session, Side::front_end, FrontEndRequest::ADD_MEM_REG,
            protocol::serialise_region({0, 4096, 0, 0, 0, 0}, false), inode);
    }
    void start_at(std::uint32_t session, std::uint32_t position) {
        say(session, Side::front_end, FrontEndRequest::SET_VRING_BASE,
            protocol::serialise(protocol::VringState{0, position}));
    }
    void stop_at(std::uint32_t session, std::uint32_t position) {
        say(session, Side::front_end, FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
        say(session, Side::back_end, FrontEndRequest::GET_VRING_BASE,
            protocol::serialise(protocol::VringState{0, position}));
    }
    // As the last record's annotation has it.
    [[nodiscard]] std::uint32_t device() const { return device_; }
    [[nodiscard]] std::optional<Lineage> of(std::uint32_t session) const { return lineages_.of(session); }

  private:
    void add(std::uint32_t session, trace::RecordBody body) {
        const trace::Record record{next_sequence_++, 0, session, std::move(body)};
        const Annotation& annotation = annotator_.annotate(record);
        device_ = annotation.device;
        lineages_.add(annotation);
    }

    Annotator annotator_;
    Lineages lineages_;
    std::uint32_t device_{0};
    std::uint64_t next_sequence_{1};
    std::uint32_t next_id_{1};
};

TEST(Lineage, ASessionThatGoesOnIsOfTheSameDevice) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.say(1, Side::front_end, FrontEndRequest::NET_SET_MTU, protocol::serialise_u64(1500));
    EXPECT_EQ(lives.device(), 1U);
    lives.close(1);
    lives.open(2, {.back_end_process = "201"});
    EXPECT_EQ(lives.device(), 0U);
    lives.map_memory(2, 7);
    lives.start_at(2, 0);
    EXPECT_EQ(lives.device(), 1U);
    lives.close(2);
    lives.open(3, {.front_end_process = "300"});
    lives.map_memory(3, 8);
    lives.start_at(3, 0);
    EXPECT_EQ(lives.device(), 0U) << "somebody else";
}

TEST(Lineage, ThatManySessionsBackNobodyLooks) {
    Lives lives;
    const auto live = [&lives](std::uint32_t session, std::uint64_t inode) {
        lives.open(session, {});
        lives.map_memory(session, inode);
        lives.close(session);
    };
    live(1, 7);
    for (std::uint32_t session = 2; session <= Lineages::most_sessions_back + 1; ++session) {
        live(session, session * 100);
    }
    live(Lineages::most_sessions_back + 2, 7);
    EXPECT_FALSE(lives.of(Lineages::most_sessions_back + 2));
    lives.map_memory(Lineages::most_sessions_back + 1, 7);
    EXPECT_EQ(lives.of(Lineages::most_sessions_back + 2).value().continues, Lineages::most_sessions_back + 1);
}

TEST(Lineage, ABackEndThatCameBackContinuesTheSession) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.close(1);
    lives.open(2, {.back_end_process = "201"});
    EXPECT_FALSE(lives.of(2)) << "nothing is proven yet";
    lives.map_memory(2, 7);
    const auto lineage = lives.of(2);
    ASSERT_TRUE(lineage);
    EXPECT_EQ(lineage->kind, Lineage::Kind::reconnect);
    EXPECT_EQ(lineage->continues, 1U);
    EXPECT_FALSE(lineage->resubmits_inflight);
    EXPECT_THAT(lineage->reason, HasSubstr("201 after 200"));
    EXPECT_FALSE(lives.of(1));
}

TEST(Lineage, TheInFlightBufferOfTheFirstProvesWhatIsResubmitted) {
    Lives lives;
    const Bytes description = protocol::serialise(protocol::Inflight{4096, 0, 1, 128});
    lives.open(1, {});
    lives.say(1, Side::front_end, FrontEndRequest::GET_INFLIGHT_FD, description);
    lives.say(1, Side::back_end, FrontEndRequest::GET_INFLIGHT_FD, description, 9);
    lives.close(1);
    lives.open(2, {});
    lives.say(2, Side::front_end, FrontEndRequest::SET_INFLIGHT_FD, description, 9);
    const auto lineage = lives.of(2);
    ASSERT_TRUE(lineage);
    EXPECT_TRUE(lineage->resubmits_inflight);
    EXPECT_EQ(lineage->continues, 1U);
}

TEST(Lineage, TheLatestOfSeveralIsTheOneContinued) {
    Lives lives;
    for (std::uint32_t session = 1; session <= 3; ++session) {
        lives.open(session, {});
        lives.map_memory(session, 7);
        lives.close(session);
    }
    EXPECT_EQ(lives.of(3)->continues, 2U);
    EXPECT_EQ(lives.of(2)->continues, 1U);
}

TEST(Lineage, AnotherMachineOnTheSameSocketIsAnotherLife) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.close(1);
    lives.open(2, {.front_end_process = "101"});
    lives.map_memory(2, 8);
    EXPECT_FALSE(lives.of(2));
}

TEST(Lineage, SessionsSideBySideAreTwoDevices) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.open(2, {});
    lives.map_memory(2, 7);
    EXPECT_FALSE(lives.of(2)) << "two queue pairs' connections of one process share its memory";
}

TEST(Lineage, OtherEndpointsAreAnotherDevice) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.close(1);
    lives.open(2, {.endpoint = "listen:/run/other.sock"});
    lives.map_memory(2, 7);
    EXPECT_FALSE(lives.of(2));
}

TEST(Lineage, AMigrationGoesOnWhereTheFirstStopped) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.open(2, {.front_end_process = "101", .endpoint = "listen:/run/destination.sock"});
    lives.map_memory(2, 8);
    lives.say(1, Side::front_end, FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), 9);
    lives.stop_at(1, 42);
    lives.start_at(2, 42);
    const auto lineage = lives.of(2);
    ASSERT_TRUE(lineage);
    EXPECT_EQ(lineage->kind, Lineage::Kind::migration);
    EXPECT_EQ(lineage->continues, 1U);
}

// Session 1 is prepared for migration and stops; then a session of another machine is given a device state.
std::optional<Lineage> state_given_to_another(std::uint32_t stopped, std::uint32_t started) {
    Lives lives;
    lives.open(1, {});
    lives.map_memory(1, 7);
    lives.say(1, Side::front_end, FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), 9);
    lives.stop_at(1, stopped);
    lives.open(2, {.front_end_process = "101", .endpoint = "listen:/run/destination.sock"});
    lives.map_memory(2, 8);
    Bytes load(8);
    store<std::uint32_t>(load, 0, 1);
    lives.say(2, Side::front_end, FrontEndRequest::SET_DEVICE_STATE_FD, load, 10);
    EXPECT_FALSE(lives.of(2)) << "nothing says yet whose state it is";
    lives.start_at(2, started);
    return lives.of(2);
}

TEST(Lineage, ADeviceStateThatIsLoadedIsOfTheFirstWhereTheRingsGoOn) {
    const auto lineage = state_given_to_another(42, 42);
    ASSERT_TRUE(lineage);
    EXPECT_EQ(lineage->kind, Lineage::Kind::migration);
    EXPECT_THAT(lineage->reason, HasSubstr("where the first stopped it, the second was given a device state"));
}

TEST(Lineage, ADeviceStateThatAnotherMachineLoadsIsNotOfTheFirst) {
    EXPECT_FALSE(state_given_to_another(42, 7));
    EXPECT_FALSE(state_given_to_another(0, 0));
}

// Prepared for migration, with memory of its own, from one position to another.
void moves(Lives& lives, std::uint32_t session, std::uint32_t from, std::uint32_t to) {
    lives.open(session, {.front_end_process = std::to_string(100 + session)});
    lives.map_memory(session, 100 + session);
    lives.start_at(session, from);
    lives.say(session, Side::front_end, FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), 9);
    lives.stop_at(session, to);
}

TEST(Lineage, OfTwoMachinesThatStoppedAtOnePositionNeitherIsClaimed) {
    Lives lives;
    moves(lives, 1, 0, 42);
    moves(lives, 2, 0, 42);
    moves(lives, 3, 42, 50);
    EXPECT_FALSE(lives.of(3));
}

TEST(Lineage, AMachineThatMovesOnAndOnContinuesTheLatest) {
    Lives lives;
    moves(lives, 1, 0, 42);
    moves(lives, 2, 42, 42);
    moves(lives, 3, 42, 50);
    EXPECT_EQ(lives.of(2).value().continues, 1U);
    EXPECT_EQ(lives.of(3).value().continues, 2U);
}

TEST(Lineage, PositionsThatDifferOrAreAllZeroAreNoMigration) {
    for (const auto& [stopped, started] : {std::pair(42U, 41U), std::pair(0U, 0U)}) {
        Lives lives;
        lives.open(1, {});
        lives.map_memory(1, 7);
        lives.say(1, Side::front_end, FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), 9);
        lives.stop_at(1, stopped);
        lives.open(2, {.front_end_process = "101"});
        lives.map_memory(2, 8);
        lives.start_at(2, started);
        EXPECT_FALSE(lives.of(2)) << stopped;
    }
}

}  // namespace
}  // namespace vutrace::explain
