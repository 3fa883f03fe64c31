// Messages that take the memory of shadow rings away while queues run.
#include "../testing/shadow_peers.h"

#include <vutrace/trace/records.h>

namespace vutrace::capture {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace testing;
using protocol::serialise;
using protocol::serialise_u64;

class ShadowReturnTest : public ShadowPeersTest {
  protected:
    ShadowReturnTest() : file_(ring_.file()) {}

    void run_queue() {
        begin();
        set_up(ring_);
        call_ = hand_over(Request::SET_VRING_CALL);
        kick_ = hand_over(Request::SET_VRING_KICK);
    }
    void offer(std::uint16_t head) {
        ring_.describe_chain(head, {{RingPair::buffers + head * std::uint64_t{64}, 8, false}});
        ring_.offer(head);
    }
    // The table goes out behind the stop, and the queue goes on with its own ring.
    void expect_return_for(const Bytes& table, std::size_t descriptors) {
        send(front_end_, Request::SET_MEM_TABLE, table, std::vector<int>(descriptors, file_.number()));
        expect_request(Request::GET_VRING_BASE, state(0, 0));
        send(back_end_, Request::GET_VRING_BASE, state(0, 0), {}, reply);
        const Delivered delivered = read(back_end_);
        EXPECT_EQ(delivered.request(), Request::SET_MEM_TABLE);
        EXPECT_EQ(delivered.payload, table);
        EXPECT_EQ(delivered.descriptors.size(), descriptors);
        expect_restart(0);
        stop();
        EXPECT_THAT(notes(), Contains(HasSubstr("with its own ring")));
    }
    // At the address where our memory is.
    [[nodiscard]] protocol::MemoryRegion colliding_region() const {
        protocol::MemoryRegion region = region_of(ring_);
        region.guest_address = shadow_region_.guest_address;
        region.user_address += std::uint64_t{1} << 40U;
        return region;
    }
    [[nodiscard]] Bytes full_table() const {
        std::vector<protocol::MemoryRegion> regions(8, region_of(ring_));
        for (std::size_t i = 1; i < regions.size(); ++i) {
            regions[i].guest_address += i << 32U;
            regions[i].user_address += i << 32U;
        }
        return protocol::serialise_regions(regions, false);
    }
    void send_full_table() {
        send(front_end_, Request::SET_MEM_TABLE, full_table(), std::vector<int>(8, file_.number()));
    }
    void expect_request(Request request, const Bytes& payload) {
        const Delivered delivered = read(back_end_);
        EXPECT_EQ(delivered.request(), request);
        EXPECT_EQ(delivered.payload, payload);
        EXPECT_EQ(delivered.header.flags, plain);
    }
    FileDescriptor expect_event(Request request, std::uint64_t queue) {
        Delivered delivered = read(back_end_);
        EXPECT_EQ(delivered.request(), request);
        EXPECT_EQ(delivered.payload, serialise_u64(queue));
        EXPECT_EQ(delivered.descriptors.size(), 1U);
        return delivered.descriptors.empty() ? FileDescriptor{} : std::move(delivered.descriptors.front());
    }
    void expect_restart(std::uint32_t base) {
        expect_request(Request::SET_VRING_NUM, state(0, 16));
        expect_request(Request::SET_VRING_BASE, state(0, base));
        expect_request(Request::SET_VRING_ADDR, serialise(addresses_of(ring_)));
        call_.back_end = expect_event(Request::SET_VRING_CALL, 0);
        kick_.back_end = expect_event(Request::SET_VRING_KICK, 0);
    }

    RingPair ring_{16};
    FileDescriptor file_;
    Event call_;
    Event kick_;
};

TEST_F(ShadowReturnTest, TheBackEndGoesOnWithTheDriversRingWhereItStopped) {
    run_queue();
    ShadowDevice device = device_of(ring_);
    for (const std::uint16_t head : std::vector<std::uint16_t>{0, 1, 2}) {
        offer(head);
    }
    ASSERT_TRUE(signal_event(kick_.front_end));
    wait_for([&] { return device.available_index() == 3; });
    ASSERT_EQ(device.take(), 0);
    ASSERT_EQ(device.take(), 1);
    device.use(1, 0);

    send_full_table();
    send(front_end_, Request::GET_FEATURES, {});
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    device.use(0, 0);  // the last that it does before it stops
    send(back_end_, Request::GET_VRING_BASE, state(0, 2), {}, reply);
    const Delivered table = read(back_end_);
    EXPECT_EQ(table.request(), Request::SET_MEM_TABLE);
    EXPECT_EQ(table.payload, full_table());
    EXPECT_EQ(table.descriptors.size(), 8U);
    expect_restart(2);
    expect_request(Request::GET_FEATURES, {});
    EXPECT_EQ(answer(Request::GET_FEATURES, serialise_u64(0)).request(), Request::GET_FEATURES)
        << "the front-end sees no answer that it did not ask for";
    EXPECT_EQ(ring_.reap()->next, 1);
    EXPECT_EQ(ring_.reap()->next, 0);

    // As in `relay` from here on.
    ring_.next_use = 2;
    wait_for_event(kick_.back_end);  // for the chain that waits
    ring_.use(2, 0);
    ASSERT_TRUE(signal_event(call_.back_end));
    wait_for_event(call_.front_end);
    offer(0);
    ASSERT_TRUE(signal_event(kick_.front_end));
    wait_for_event(kick_.back_end);
    ring_.use(0, 0);
    ASSERT_TRUE(signal_event(call_.back_end));
    wait_for_event(call_.front_end);
    stop();
    EXPECT_EQ(recorder_.counts().completions, 4U);
    EXPECT_EQ(recorder_.counts().chains_lost, 0U);
    EXPECT_THAT(notes(), Contains(HasSubstr("go on from 0x2 with its own ring")));
}

TEST_F(ShadowReturnTest, AnswersThatTheFrontEndWaitsForReachIt) {
    run_queue();
    set_up_queue(ring_, 1, 0);
    (void)hand_over(Request::SET_VRING_CALL, 1);
    (void)hand_over(Request::SET_VRING_KICK, 1);
    (void)pass(Request::GET_VRING_BASE, state(1, 0));
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    expect_request(Request::GET_VRING_BASE, state(1, 0));
    EXPECT_EQ(answer(Request::GET_VRING_BASE, state(1, 7)).payload, state(1, 7));
    send(back_end_, Request::GET_VRING_BASE, state(0, 5), {}, reply);
    send(back_end_, Request::GET_VRING_BASE, state(1, 7), {}, reply);
    EXPECT_EQ(read(back_end_).request(), Request::SET_MEM_TABLE);
    expect_restart(5);
    (void)pass(Request::GET_FEATURES, {});  // queue 1, which the front-end has stopped, is not started again
}

// An answer that does not say where the back-end stopped.
struct UnreadableCase {
    const char* name;
    std::uint32_t flags;
    std::uint32_t announced;  // bytes of payload
    std::uint32_t sent;
    bool kept_back{true};
};
class UnreadableBaseTest : public ShadowReturnTest, public ::testing::WithParamInterface<UnreadableCase> {};

TEST_P(UnreadableBaseTest, TheQueueGoesOnBehindWhatTheBackEndHasUsed) {
    run_queue();
    ShadowDevice device = device_of(ring_);
    for (const std::uint16_t head : std::vector<std::uint16_t>{0, 1, 2}) {
        offer(head);
    }
    ASSERT_TRUE(signal_event(kick_.front_end));
    for (std::uint16_t head = 0; head < 3; ++head) {
        wait_for([&] { return device.take() == head; });
    }
    device.use(0, 0);
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    device.use(1, 0);
    Bytes answer(protocol::header_size + GetParam().sent);
    store<std::uint32_t>(answer, 0, static_cast<std::uint32_t>(Request::GET_VRING_BASE));
    store<std::uint32_t>(answer, 4, GetParam().flags);
    store<std::uint32_t>(answer, 8, GetParam().announced);
    ASSERT_TRUE(send_all(back_end_, answer, {}));

    EXPECT_EQ(read(back_end_).request(), Request::SET_MEM_TABLE);
    expect_restart(2);
    EXPECT_EQ(ring_.reap()->next, 0);
    EXPECT_EQ(ring_.reap()->next, 1);
    wait_for_event(kick_.back_end);  // for what it had taken and not used
    ring_.next_use = 2;
    ring_.use(2, 0);
    ASSERT_TRUE(signal_event(call_.back_end));
    wait_for_event(call_.front_end);
    EXPECT_EQ(ring_.reap()->next, 2);
    if (GetParam().kept_back) {
        (void)pass(Request::GET_FEATURES, {});
        EXPECT_EQ(this->answer(Request::GET_FEATURES, serialise_u64(0)).request(), Request::GET_FEATURES);
    }
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("does not say where it stopped: taken for 0x2")));
}

INSTANTIATE_TEST_SUITE_P(All, UnreadableBaseTest,
                         ::testing::Values(UnreadableCase{"nothing", 5, 0, 0}, UnreadableCase{"too_short", 5, 4, 4},
                                           UnreadableCase{"too_long", 5, 12, 12}, UnreadableCase{"no_reply", 1, 8, 8},
                                           // All that comes behind belongs to it.
                                           UnreadableCase{"a_size_that_lies", 5, 4096, 8, false},
                                           // More than is ever held back.
                                           UnreadableCase{"larger_than_a_piece", 5, 1U << 20U, 1000, false}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(ShadowReturnTest, AnAnswerToTheFrontEndMayHaveAnySize) {
    run_queue();
    set_up_queue(ring_, 1, 0);
    (void)hand_over(Request::SET_VRING_CALL, 1);
    (void)hand_over(Request::SET_VRING_KICK, 1);
    (void)pass(Request::GET_VRING_BASE, state(1, 0));
    EXPECT_EQ(answer(Request::GET_VRING_BASE, Bytes(4)).payload, Bytes(4));
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    send(back_end_, Request::GET_VRING_BASE, state(0, 5), {}, reply);
    EXPECT_EQ(read(back_end_).request(), Request::SET_MEM_TABLE);
    expect_restart(5);
}

TEST_F(ShadowReturnTest, AnswersMayNameTheQueuesInAnotherOrder) {
    run_queue();
    set_up_queue(ring_, 1, 0);
    (void)hand_over(Request::SET_VRING_CALL, 1);
    (void)hand_over(Request::SET_VRING_KICK, 1);
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    expect_request(Request::GET_VRING_BASE, state(1, 0));
    send(back_end_, Request::GET_VRING_BASE, state(1, 4), {}, reply);
    send(back_end_, Request::GET_VRING_BASE, state(0, 3), {}, reply);
    EXPECT_EQ(read(back_end_).request(), Request::SET_MEM_TABLE);
    expect_restart(3);
    expect_request(Request::SET_VRING_NUM, state(1, 16));
    expect_request(Request::SET_VRING_BASE, state(1, 4));
}

TEST_F(ShadowReturnTest, ATableThatIsNotAsItMustBeTakesTheMemoryAwayAsWell) {
    run_queue();
    expect_return_for(protocol::serialise_regions({region_of(ring_)}, false), 2);
}

TEST_F(ShadowReturnTest, ATableThatNeedsOurAddressGetsIt) {
    run_queue();
    expect_return_for(protocol::serialise_regions({region_of(ring_), colliding_region()}, false), 2);
}

TEST_F(ShadowReturnTest, ARegionThatNeedsOurAddressGetsIt) {
    run_queue();
    const Bytes added = protocol::serialise_region(colliding_region(), false);
    send(front_end_, Request::ADD_MEM_REG, added, {file_.number()}, need_reply);
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    send(back_end_, Request::GET_VRING_BASE, state(0, 0), {}, reply);
    expect_request(Request::REM_MEM_REG, protocol::serialise_region(shadow_region_, false));
    const Delivered delivered = read(back_end_);
    EXPECT_EQ(delivered.request(), Request::ADD_MEM_REG);
    EXPECT_EQ(delivered.payload, added);
    EXPECT_EQ(delivered.descriptors.size(), 1U);
    expect_restart(0);
    EXPECT_EQ(answer(Request::ADD_MEM_REG, serialise_u64(0)).request(), Request::ADD_MEM_REG);
}

TEST_F(ShadowReturnTest, AQueueThatIsSetUpLaterKeepsItsRing) {
    run_queue();
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    send(back_end_, Request::GET_VRING_BASE, state(0, 0), {}, reply);
    EXPECT_EQ(read(back_end_).request(), Request::SET_MEM_TABLE);
    expect_restart(0);
    expect_passes(Request::SET_VRING_ADDR, serialise(addresses_of(ring_, 1)));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("keeps its own ring")));
}

TEST_F(ShadowReturnTest, TheFrontEndMayGoWhileItsTableWaits) {
    run_queue();
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    front_end_.reset();
    send(back_end_, Request::GET_VRING_BASE, state(0, 0), {}, reply);
    wait_for_end();
}

TEST_F(ShadowReturnTest, TheBackEndMayGoWhileATableWaits) {
    run_queue();
    send_full_table();
    expect_request(Request::GET_VRING_BASE, state(0, 0));
    back_end_.reset();
    wait_for_end();
}

// Kicks that reach the back-end without us could not be given to it again.
TEST_F(ShadowReturnTest, AQueueThatCannotBeStartedAgainIsNotStopped) {
    begin();
    set_up(ring_);
    ASSERT_TRUE(hand_over(Request::SET_VRING_CALL).back_end);
    (void)pass(Request::SET_VRING_KICK, serialise_u64(0), {file_.number()});
    send_full_table();
    EXPECT_EQ(read(back_end_).request(), Request::SET_MEM_TABLE);
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("rings lose their memory")));
}

}  // namespace
}  // namespace vutrace::capture
