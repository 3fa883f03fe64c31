// Whole sessions in mode `shadow`: a scripted driver and a scripted device that work on their rings.
#include "../testing/shadow_peers.h"

#include <vutrace/virtio/dirty_log.h>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

namespace vutrace::capture {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using namespace testing;
using protocol::serialise;
using protocol::serialise_u64;

// A chain of 8 readable bytes in the next head of a driver that has `ring`.
void offer_one(RingPair& ring, std::uint16_t head) {
    ring.describe_chain(head, {{RingPair::buffers + head * std::uint64_t{64}, 8, false}});
    ring.offer(head);
}

TEST_F(ShadowPeersTest, ANotifiedQueueWorksAsWithoutUs) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event call = hand_over(Request::SET_VRING_CALL);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    wait_for_event(kick.back_end);
    ShadowDevice device = device_of(ring);
    for (std::uint16_t round = 0; round < 200; ++round) {
        const auto head = static_cast<std::uint16_t>(round % 16);
        offer_one(ring, head);
        ASSERT_TRUE(signal_event(kick.front_end));
        std::optional<std::uint16_t> taken;  // a notification may be for what was seen already
        do {
            wait_for_event(kick.back_end);
            taken = device.take();
        } while (!taken);
        ASSERT_EQ(taken, head);
        device.use(head, 0);
        ASSERT_TRUE(signal_event(call.back_end));
        std::optional<virtio::RingDescriptor> used;
        do {
            wait_for_event(call.front_end);
            used = ring.reap();
        } while (!used);
        ASSERT_EQ(used->next, head);
    }
    stop();
    EXPECT_EQ(recorder_.counts().offers, 200U);
    EXPECT_EQ(recorder_.counts().completions, 200U);
    EXPECT_EQ(recorder_.counts().verified, 400U);
    EXPECT_EQ(recorder_.counts().kicks, 200U);
    EXPECT_GE(recorder_.counts().calls, 200U);
}

// As front-ends of rust-vmm do: the base comes behind the addresses, which were changed already.
TEST_F(ShadowPeersTest, ABaseAtWhichNoShadowRingCanBeginGivesTheQueueItsOwnRing) {
    const RingPair ring(16);
    begin();
    expect_passes(Request::SET_FEATURES, serialise_u64(std::uint64_t{1} << protocol::feature::RING_PACKED));
    (void)send_table(ring);
    expect_passes(Request::SET_VRING_NUM, state(0, 16));
    EXPECT_NE(pass(Request::SET_VRING_ADDR, serialise(addresses_of(ring))).payload, serialise(addresses_of(ring)));
    expect_passes(Request::SET_VRING_BASE, state(0, 0x80038005));  // two in flight
    const FileDescriptor kick = std::move(*create_event_descriptor());
    const Delivered moved = pass(Request::SET_VRING_KICK, serialise_u64(0), {kick.number()});
    EXPECT_EQ(moved.request(), Request::SET_VRING_ADDR);
    EXPECT_EQ(moved.header.flags, plain);
    EXPECT_EQ(moved.payload, serialise(addresses_of(ring)));
    const Delivered started = read(back_end_);
    EXPECT_EQ(started.request(), Request::SET_VRING_KICK);
    ASSERT_EQ(started.descriptors.size(), 1U);
    ASSERT_TRUE(signal_event(kick));
    wait_for_event(started.descriptors[0]);
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("told the back-end of the driver's ring")));
}

TEST_F(ShadowPeersTest, NotificationsForNothingArePassedOn) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event call = hand_over(Request::SET_VRING_CALL);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    wait_for_event(kick.back_end);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(signal_event(kick.front_end));
        wait_for_event(kick.back_end);
        ASSERT_TRUE(signal_event(call.back_end));
        wait_for_event(call.front_end);
    }
}

TEST_F(ShadowPeersTest, WhoAsksNotToBeNotifiedIsNot) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event call = hand_over(Request::SET_VRING_CALL);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    wait_for_event(kick.back_end);
    ShadowDevice device = device_of(ring);
    device.set_flags(virtio::used_no_notify);
    ring.put<std::uint16_t>(ring.layout().available, virtio::available_no_interrupt);
    offer_one(ring, 0);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.take().has_value(); });
    device.use(0, 0);
    ASSERT_TRUE(signal_event(call.back_end));
    wait_for([&] { return ring.reap().has_value(); });
    (void)pass(Request::GET_FEATURES, {});
    EXPECT_EQ(take_event(kick.back_end).value_or(1), 0U);
    EXPECT_EQ(take_event(call.front_end).value_or(1), 0U);
}

TEST_F(ShadowPeersTest, ADriverThatNeverNotifiesIsServedWhereItSaysSo) {
    RingPair ring(16);
    begin();
    set_up(ring);
    (void)pass(Request::SET_VRING_CALL, serialise_u64(0x100));
    (void)pass(Request::SET_VRING_KICK, serialise_u64(0x100));
    ShadowDevice device = device_of(ring);
    for (std::uint16_t round = 0; round < 50; ++round) {
        offer_one(ring, round % 16);
        wait_for([&] { return device.take().has_value(); });
        device.use(round % 16, 0);
        wait_for([&] { return ring.reap().has_value(); });
    }
}

TEST_F(ShadowPeersTest, CompletionsComeBeforeTheAnswerThatEndsTheQueue) {
    RingPair ring(16);
    begin();
    set_up(ring, 0, 0);
    const Event call = hand_over(Request::SET_VRING_CALL);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    offer_one(ring, 0);
    offer_one(ring, 1);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.available_index() == 2; });
    EXPECT_EQ(device.take(), 0);
    (void)pass(Request::GET_VRING_BASE, state(0, 0));
    device.use(0, 0);
    EXPECT_EQ(answer(Request::GET_VRING_BASE, state(0, 1)).payload, state(0, 1)) << "indices are the same in both";
    EXPECT_EQ(ring.reap()->next, 0);
    // After the answer the driver's memory is its own.
    device.use(1, 0);
    const Event again = hand_over(Request::SET_VRING_CALL);
    EXPECT_FALSE(ring.reap());

    // It starts again where it was: the second chain is still there.
    set_up_queue(ring, 0, 1);
    ShadowDevice restarted = device_of(ring);
    EXPECT_EQ(restarted.next_take, 1);
    const Event kick_again = hand_over(Request::SET_VRING_KICK);
    wait_for([&] { return restarted.available_index() == 2; });
    EXPECT_EQ(restarted.take(), 1);
    restarted.use(1, 0);
    ASSERT_TRUE(signal_event(again.back_end));
    wait_for_event(again.front_end);
    EXPECT_EQ(ring.reap()->next, 1);
}

TEST_F(ShadowPeersTest, AResetMovesWhatIsThereAndTouchesNothingAfterwards) {
    for (const auto& [request, payload] :
         {std::pair{Request::RESET_DEVICE, Bytes{}}, std::pair{Request::RESET_OWNER, Bytes{}},
          std::pair{Request::SET_STATUS, serialise_u64(0)}}) {
        stop();
        recorder_.clear();
        RingPair ring(16);
        loop_ = EventLoop::create().value();
        begin();
        set_up(ring);
        const Event call = hand_over(Request::SET_VRING_CALL);
        const Event kick = hand_over(Request::SET_VRING_KICK);
        ShadowDevice device = device_of(ring);
        offer_one(ring, 0);
        offer_one(ring, 1);
        ASSERT_TRUE(signal_event(kick.front_end));
        wait_for([&] { return device.available_index() == 2; });
        device.use(0, 0);
        (void)pass(request, payload);
        EXPECT_EQ(ring.get<std::uint16_t>(ring.layout().used + 2), 1) << "before the message";
        device.use(1, 0);
        ASSERT_TRUE(signal_event(call.back_end));
        (void)pass(Request::GET_FEATURES, {});
        EXPECT_EQ(ring.get<std::uint16_t>(ring.layout().used + 2), 1);
    }
}

TEST_F(ShadowPeersTest, WhatIsCompletedWhenAConnectionEndsReachesTheDriver) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    offer_one(ring, 0);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.available_index() == 1; });
    device.use(0, 0);
    back_end_.reset();
    wait_for_end();
    EXPECT_EQ(ring.reap()->next, 0);
}

TEST_F(ShadowPeersTest, AQueueWhoseRingMovesGoesOn) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    offer_one(ring, 0);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.take() == 0; });
    // Only the flags are another, then the place.
    auto addresses = addresses_of(ring);
    addresses.flags = 1;
    const auto flagged = pass(Request::SET_VRING_ADDR, serialise(addresses));
    EXPECT_EQ(protocol::parse_vring_address(flagged.payload)->descriptor, shadow_addresses_.descriptor);
    EXPECT_EQ(protocol::parse_vring_address(flagged.payload)->flags, 1U);
    constexpr std::uint64_t by = 2U << 20U;  // beyond what is copied
    ring.copy_ring(by);
    ring.move_ring(by);
    (void)pass(Request::SET_VRING_ADDR, serialise(addresses_of(ring)));
    device.use(0, 0);
    offer_one(ring, 1);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.take() == 1; });
    wait_for([&] { return ring.reap().has_value(); });
}

TEST_F(ShadowPeersTest, MemoryThatChangesWhileAQueueRunsLosesNothing) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    for (std::uint16_t round = 0; round < 20; ++round) {
        offer_one(ring, round % 16);
        ASSERT_TRUE(signal_event(kick.front_end));
        (void)send_table(ring);  // a new mapping of the same memory
        wait_for([&] { return device.take().has_value(); });
        device.use(round % 16, 0);
        (void)send_table(ring);
        (void)pass(Request::GET_FEATURES, {});
        wait_for([&] { return ring.get<std::uint16_t>(ring.layout().used + 2) == round + 1; });
    }
    stop();
    EXPECT_EQ(recorder_.counts().verified, 40U);
}

TEST_F(ShadowPeersTest, MarksTheUsedRingInTheDirtyLog) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    FileDescriptor log(::memfd_create("log", MFD_CLOEXEC));
    constexpr std::uint64_t log_bytes = (RingPair::guest_address + RingPair::memory_size) / virtio::log_page_size / 8;
    ASSERT_EQ(::ftruncate(log.number(), static_cast<off_t>(log_bytes)), 0);
    (void)pass(Request::SET_LOG_BASE, serialise(protocol::Log{log_bytes, 0}), {log.number()});
    expect_passes(Request::SET_FEATURES, serialise_u64(std::uint64_t{1} << protocol::feature::LOG_ALL));
    auto addresses = addresses_of(ring);
    addresses.flags = 1;
    (void)pass(Request::SET_VRING_ADDR, serialise(addresses));
    const std::uint64_t page = addresses.log / virtio::log_page_size;
    const auto marked = [&] {
        std::uint8_t byte = 0;
        EXPECT_EQ(::pread(log.number(), &byte, 1, static_cast<off_t>(page / 8)), 1);
        return (std::uint32_t{byte} & (1U << (page % 8))) != 0;
    };
    offer_one(ring, 0);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.take() == 0; });
    device.use(0, 0);
    (void)pass(Request::GET_VRING_BASE, state(0, 0));
    (void)answer(Request::GET_VRING_BASE, state(0, 1));
    EXPECT_TRUE(ring.reap());
    EXPECT_TRUE(marked());
}

// A back-end that was lost with chains in flight, and another that does them again, as its in-flight area says.
TEST_F(ShadowPeersTest, TheNextBackEndDoesAgainWhatTheAreaSays) {
    RingPair ring(16);
    offer_one(ring, 3);
    offer_one(ring, 7);
    FileDescriptor area(::memfd_create("inflight", MFD_CLOEXEC));
    Bytes bytes(16 + 16 * 16);
    store<std::uint16_t>(bytes, 8, 1);
    store<std::uint16_t>(bytes, 10, 16);
    store<std::uint8_t>(bytes, 16 + 16 * 3, 1);
    ASSERT_EQ(::pwrite(area.number(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    begin();
    expect_passes(Request::SET_INFLIGHT_FD, serialise(protocol::Inflight{bytes.size(), 0, 1, 16}), {area.number()});
    set_up(ring);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    device.next_take = 1;  // as a back-end counts that has one in flight
    EXPECT_EQ(device.descriptor(3).address, RingPair::buffers + 3 * 64);
    wait_for([&] { return device.take() == 7; });
    device.use(7, 0);
    device.use(3, 0);
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return ring.get<std::uint16_t>(ring.layout().used + 2) == 2; });
    stop();
    EXPECT_EQ(recorder_.counts().offers, 2U);
    EXPECT_EQ(recorder_.counts().verified, 4U);
    EXPECT_EQ(recorder_.counts().chains_lost, 0U);
}

TEST_F(ShadowPeersTest, QueuesDoNotTouchEachOther) {
    constexpr std::uint32_t queues = 4;
    begin();
    expect_passes(Request::SET_FEATURES, serialise_u64(0));
    RingPair first(64);
    shadow_file_ = send_table(first);
    // All in one memory, one behind the other.
    std::vector<ShadowDevice> devices;
    std::vector<Event> kicks;
    for (std::uint32_t queue = 0; queue < queues; ++queue) {
        RingPair& ring = first;
        auto addresses = addresses_of(ring, queue);
        const std::uint64_t by = queue * std::uint64_t{0x4000};
        addresses.descriptor += by;
        addresses.available += by;
        addresses.used += by;
        expect_passes(Request::SET_VRING_NUM, state(queue, 64));
        expect_passes(Request::SET_VRING_BASE, state(queue, 0));
        shadow_addresses_ =
            protocol::parse_vring_address(pass(Request::SET_VRING_ADDR, serialise(addresses)).payload).value();
        devices.push_back(device_of(ring));
        kicks.push_back(hand_over(Request::SET_VRING_KICK, queue));
    }
    for (std::uint16_t round = 0; round < 30; ++round) {
        for (std::uint32_t queue = 0; queue < queues; ++queue) {
            const std::uint64_t by = queue * std::uint64_t{0x4000};
            const auto& layout = first.layout();
            const auto head = static_cast<std::uint16_t>((round + queue) % 64);
            first.put<std::uint64_t>(layout.descriptor + by + head * 16, RingPair::buffers + queue);
            first.put<std::uint64_t>(layout.descriptor + by + head * 16 + 8, 8);
            first.put<std::uint16_t>(layout.available + by + layout.available_slot(round), head);
            first.put<std::uint16_t>(layout.available + by + 2, static_cast<std::uint16_t>(round + 1));
            ASSERT_TRUE(signal_event(kicks[queue].front_end));
        }
        for (std::uint32_t queue = 0; queue < queues; ++queue) {
            const auto head = static_cast<std::uint16_t>((round + queue) % 64);
            wait_for([&] { return devices[queue].take() == head; });
            EXPECT_EQ(devices[queue].descriptor(head).address, RingPair::buffers + queue);
            devices[queue].use(head, queue);
        }
        for (std::uint32_t queue = 0; queue < queues; ++queue) {
            ASSERT_TRUE(signal_event(kicks[queue].front_end));
            wait_for([&] {
                return first.get<std::uint16_t>(first.layout().used + queue * std::uint64_t{0x4000} + 2) == round + 1;
            });
        }
    }
    stop();
    EXPECT_EQ(recorder_.counts().verified, 2 * queues * 30U);
}

TEST_F(ShadowPeersTest, TouchesNoMemoryDuringPostcopy) {
    RingPair ring(16);
    begin();
    set_up(ring);
    const Event kick = hand_over(Request::SET_VRING_KICK);
    ShadowDevice device = device_of(ring);
    (void)pass(Request::POSTCOPY_ADVISE, {});
    offer_one(ring, 0);
    ASSERT_TRUE(signal_event(kick.front_end));
    (void)pass(Request::GET_FEATURES, {});
    EXPECT_EQ(device.available_index(), 0);
    (void)pass(Request::POSTCOPY_END, {});
    ASSERT_TRUE(signal_event(kick.front_end));
    wait_for([&] { return device.take() == 0; });
}

}  // namespace
}  // namespace vutrace::capture
