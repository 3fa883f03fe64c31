#include "vutrace/capture/data_path.h"

#include "guest_mappings.h"
#include "testing/fake_recorder.h"
#include "testing/ring_pair.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/event_descriptor.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::FakeRecorder;
using testing::RingPair;

constexpr auto deadline = std::chrono::seconds{20};

std::string text_of(const trace::Content& content) {
    std::string text(content.size(), '?');
    EXPECT_TRUE(content.read(0, std::as_writable_bytes(std::span(text))));
    return text;
}

// A session whose messages the test sends itself: what the relay would do around the data path.
class DataPathTest : public ::testing::Test {
  protected:
    void open(DataPathMode mode, MemoryMode memory = MemoryMode::buffers) {
        path = DataPath::create({mode, memory}, 1, recorder, loop, state);
    }

    // Gives what the back-end gets in place of the descriptors.
    std::vector<FileDescriptor> send(FrontEndRequest request, const Bytes& payload,
                                     std::vector<FileDescriptor> descriptors = {}) {
        const protocol::Header header{static_cast<std::uint32_t>(request), protocol::version_1,
                                      static_cast<std::uint32_t>(payload.size())};
        std::vector<int> numbers;
        std::vector<std::uint32_t> ids;
        for (const FileDescriptor& descriptor : descriptors) {
            numbers.push_back(descriptor.number());
            ids.push_back(++last_id);
        }
        path->replace_descriptors(Side::front_end, header, descriptors, numbers);
        std::vector<FileDescriptor> received;
        for (const int number : numbers) {
            received.emplace_back(::fcntl(number, F_DUPFD_CLOEXEC, 0));
        }
        const auto change = state.apply(Side::front_end, header, payload, ids);
        path->forwarded({Side::front_end, header, payload, &descriptors, &ids}, change);
        return received;
    }
    void answer(FrontEndRequest request, const Bytes& payload) {
        const protocol::Header header{static_cast<std::uint32_t>(request), protocol::version_1 | protocol::reply_flag,
                                      static_cast<std::uint32_t>(payload.size())};
        path->before_reply(header, payload);
        const auto change = state.apply(Side::back_end, header, payload, {});
        path->forwarded({Side::back_end, header, payload, nullptr, nullptr}, change);
    }
    static std::vector<FileDescriptor> one(FileDescriptor descriptor) {
        std::vector<FileDescriptor> all;
        all.push_back(std::move(descriptor));
        return all;
    }

    void send_memory(RingPair& memory) {
        const auto known = memory.region(0).region;
        const std::vector<protocol::MemoryRegion> regions{
            {known.guest_address, known.size, known.user_address, known.mmap_offset}};
        (void)send(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false), one(memory.file()));
    }
    // `offset` is where the ring lies beyond the layout's addresses.
    void send_addresses(const virtio::SplitRingLayout& layout, std::uint64_t offset = 0) {
        const std::uint64_t to_user = RingPair::user_address - RingPair::guest_address + offset;
        (void)send(FrontEndRequest::SET_VRING_ADDR,
                   protocol::serialise(protocol::VringAddress{0, 0, layout.descriptor + to_user, layout.used + to_user,
                                                              layout.available + to_user, 0}));
    }
    void set_up_ring(RingPair& memory, std::uint64_t features = 0) {
        (void)send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(features));
        send_memory(memory);
        const auto& layout = memory.layout();
        (void)send(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, layout.size}));
        send_addresses(layout);
        (void)send(FrontEndRequest::SET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    }
    // Hands over an eventfd for queue 0: the front-end keeps `first`, the back-end gets `second`.
    struct Ends {
        FileDescriptor first;
        FileDescriptor second;
    };
    Ends send_eventfd(FrontEndRequest request) {
        Ends ends{std::move(*create_event_descriptor()), {}};
        ends.second =
            std::move(send(request, protocol::serialise_u64(0), one(std::move(*ends.first.duplicate()))).front());
        return ends;
    }

    // Runs the session's loop, with the test's peers on a thread of their own.
    void run_with(const std::function<void()>& peers) {
        std::thread thread([&] {
            peers();
            loop.stop();
        });
        EXPECT_TRUE(loop.run());
        thread.join();
    }
    static std::uint64_t wait_for_event(const FileDescriptor& event) {
        return wait_until([&] { return *take_event(event); });
    }
    template <class Condition>
    static std::uint64_t wait_until(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (std::chrono::steady_clock::now() < end) {
            if (const std::uint64_t value = condition(); value != 0) {
                return value;
            }
            std::this_thread::yield();
        }
        ADD_FAILURE() << "nothing happened in time";
        return 0;
    }

    FakeRecorder recorder;
    EventLoop loop{std::move(*EventLoop::create())};
    session::DeviceState state;
    std::uint32_t last_id{0};
    std::unique_ptr<DataPath> path;
};

TEST_F(DataPathTest, RelaysKicksAndCallsWithTheirCountsAfterLookingAtTheRing) {
    RingPair ring(16);
    open(DataPathMode::relay);
    set_up_ring(ring);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    run_with([&] {
        for (std::uint16_t round = 0; round < 200; ++round) {
            const auto head = static_cast<std::uint16_t>(round % 16);
            ring.describe_chain(head, {{RingPair::buffers, 8, false}, {RingPair::buffers + 64, 8, true}});
            ring.offer(head);
            ASSERT_TRUE(signal_event(kick.first, round + 1U));
            EXPECT_EQ(wait_for_event(kick.second), round + 1U);
            EXPECT_EQ(recorder.counts().offers, round + 1U);
            EXPECT_EQ(ring.take(), head);
            ring.use(head, 8);
            ASSERT_TRUE(signal_event(call.second, 3));
            EXPECT_EQ(wait_for_event(call.first), 3U);
            EXPECT_EQ(recorder.counts().completions, round + 1U);
        }
    });
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.verified, 400U);
    EXPECT_EQ(counts.kicks, 200U * 201 / 2);
    EXPECT_EQ(counts.calls, 600U);
    EXPECT_EQ(counts.chains_lost + counts.completions_lost + counts.notes, 0U);
}

TEST_F(DataPathTest, RelaysBeforeAQueueIsStartedAndAfterItStopped) {
    RingPair ring(16);
    open(DataPathMode::relay);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    run_with([&] {
        ASSERT_TRUE(signal_event(kick.first, 2));
        EXPECT_EQ(wait_for_event(kick.second), 2U);
    });
    set_up_ring(ring);
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    run_with([&] {
        ASSERT_TRUE(signal_event(kick.first));
        EXPECT_EQ(wait_for_event(kick.second), 1U);
        ASSERT_TRUE(signal_event(call.second));
        EXPECT_EQ(wait_for_event(call.first), 1U);
    });
}

TEST_F(DataPathTest, PassesOnWhatAReplacedEventfdStillGets) {
    open(DataPathMode::relay);
    const Ends old_call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    ASSERT_TRUE(signal_event(old_call.second, 5));
    const Ends new_call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    EXPECT_EQ(*take_event(old_call.first), 5U);  // before the loop ran
    run_with([&] {
        ASSERT_TRUE(signal_event(old_call.second, 2));
        EXPECT_EQ(wait_for_event(old_call.first), 2U);
        ASSERT_TRUE(signal_event(new_call.second, 7));
        EXPECT_EQ(wait_for_event(new_call.first), 7U);
    });
    ASSERT_TRUE(signal_event(new_call.second, 4));
    path.reset();
    EXPECT_EQ(*take_event(new_call.first), 4U);
}

TEST_F(DataPathTest, SwapsEventfdsOftenWithoutLeakingThem) {
    open(DataPathMode::relay);
    const auto open_descriptors = [] {
        std::size_t count = 0;
        for (int number = 0; number < 1024; ++number) {
            count += ::fcntl(number, F_GETFD) >= 0 ? 1U : 0U;
        }
        return count;
    };
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 200; ++i) {
        const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
        ASSERT_TRUE(signal_event(call.second));
    }
    EXPECT_LT(open_descriptors(), before + 40);
    path.reset();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(DataPathTest, GivesReplacementsTheModeOfTheOriginal) {
    open(DataPathMode::relay);
    for (const bool blocking : {false, true}) {
        auto original = std::move(*create_event_descriptor());
        const int flags = ::fcntl(original.number(), F_GETFL);
        ASSERT_EQ(::fcntl(original.number(), F_SETFL, blocking ? flags & ~O_NONBLOCK : flags), 0);
        const int number = original.number();
        const auto received =
            send(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0), one(std::move(original)));
        ASSERT_EQ(received.size(), 1U);
        EXPECT_NE(received.front().number(), number);
        EXPECT_EQ((::fcntl(received.front().number(), F_GETFL) & O_NONBLOCK) == 0, blocking);
    }
}

TEST_F(DataPathTest, LetsWhatIsNoEventfdPassUntouched) {
    open(DataPathMode::relay);
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const FileDescriptor reader(pipe[0]);
    const auto received =
        send(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0), one(FileDescriptor(pipe[1])));
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(::write(received.front().number(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(reader.number(), &byte, 1), 1);
    EXPECT_EQ(recorder.counts().notes, 1U);
}

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

TEST_F(DataPathTest, FollowsMemoryThatComesAndGoesWhileTheRingRuns) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    FileDescriptor extra(::memfd_create("extra", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(extra.number(), 65536), 0);
    ASSERT_EQ(::pwrite(extra.number(), "plugged", 7, 8192), 7);
    const protocol::MemoryRegion region{0x80000000, 32768, 0x7e0000000000, 8192};
    ring.describe_chain(0, {{0x80000000, 7, false}});
    ring.offer(0);
    path->session_ended();  // any look will do
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 1}));
    const Ends again = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    (void)send(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(region, false), one(std::move(extra)));
    ring.describe_chain(1, {{0x80000000, 7, false}});
    ring.offer(1);
    (void)send(FrontEndRequest::REM_MEM_REG, protocol::serialise_region(region, false));
    ring.describe_chain(2, {{0x80000000, 7, false}});
    ring.offer(2);
    path->session_ended();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].proof, trace::Proof::absent);
    EXPECT_EQ(entries[1].proof, trace::Proof::verified);
    EXPECT_EQ(entries[2].proof, trace::Proof::absent);
    EXPECT_EQ(text_of(entries[1].content), "plugged");
}

// Live migration toggles the log flag that way; the specification does not keep a front-end from moving the ring too.
TEST_F(DataPathTest, FollowsARingWhoseAddressesChangeWhileItRuns) {
    constexpr std::uint64_t moved_by = 3U << 20U;
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    ring.write(RingPair::buffers, "before");
    ring.describe_chain(0, {{RingPair::buffers, 6, false}});
    ring.offer(0);
    ring.use(0, 0);
    send_addresses(ring.layout());  // the same again changes nothing
    // Not looked at since the kick: the offer above is found where the ring was, the next where it is.
    ring.write(RingPair::buffers + 4096, "after!");
    ring.describe_chain(1, {{RingPair::buffers + 4096, 6, false}});
    ring.copy_ring(moved_by);
    send_addresses(ring.layout(), moved_by);
    ring.move_ring(moved_by);
    ring.offer(1);
    ring.use(1, 0);
    path->session_ended();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[0].head, 0);
    EXPECT_EQ(entries[1].state, trace::ChainEntry::State::used);
    EXPECT_EQ(entries[2].head, 1);
    EXPECT_EQ(entries[2].index, 1);
    EXPECT_EQ(entries[2].problem, 0);
    EXPECT_EQ(text_of(entries[2].content), "after!");
    EXPECT_EQ(entries[3].state, trace::ChainEntry::State::used);
    EXPECT_EQ(recorder.counts().chains_lost + recorder.counts().completions_lost, 0U);
}

TEST_F(DataPathTest, SurvivesARingThatIsMovedOutOfMemoryAndBack) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    send_addresses(ring.layout(), RingPair::memory_size);
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    ring.offer(0);
    (void)send(FrontEndRequest::VRING_KICK, protocol::serialise(protocol::VringState{0, 0}));
    send_addresses(ring.layout());
    (void)send(FrontEndRequest::VRING_KICK, protocol::serialise(protocol::VringState{0, 0}));
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(DataPathTest, CopiesABufferThatCrossesIntoTheAdjacentRegion) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    // Behind the guest's first region: another file, another place in the front-end's address space.
    constexpr std::uint64_t border = RingPair::guest_address + RingPair::memory_size;
    FileDescriptor extra(::memfd_create("extra", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(extra.number(), 65536), 0);
    ASSERT_EQ(::pwrite(extra.number(), "second", 6, 4096), 6);
    const protocol::MemoryRegion region{border, 4096, 0x7e0000000000, 4096};
    (void)send(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(region, false), one(std::move(extra)));
    ring.write(border - 6, "first ");
    ring.describe_chain(0, {{border - 6, 12, false}});
    ring.describe_chain(1, {{border - 6, 4096, true}});
    ring.describe_chain(2, {{border + 4090, 12, false}});  // beyond the second region there is none
    for (std::uint16_t head = 0; head < 3; ++head) {
        ring.offer(head);
    }
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    ring.use(1, 4096);
    path->session_ended();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[0].problem, 0);
    EXPECT_EQ(entries[0].proof, trace::Proof::verified);
    EXPECT_EQ(text_of(entries[0].content), "first second");
    EXPECT_EQ(entries[2].problem, static_cast<std::uint16_t>(virtio::ChainProblem::buffer_outside));
    EXPECT_EQ(entries[2].proof, trace::Proof::absent);
    EXPECT_EQ(entries[3].head, 1);
    EXPECT_EQ(entries[3].proof, trace::Proof::verified);
    EXPECT_EQ(text_of(entries[3].content).substr(0, 12), "first second");
}

TEST_F(DataPathTest, DoesNotTouchMemoryDuringPostcopy) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    (void)send(FrontEndRequest::POSTCOPY_LISTEN, {});
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    ring.offer(0);
    (void)send(FrontEndRequest::VRING_KICK, protocol::serialise(protocol::VringState{0, 0}));
    EXPECT_EQ(recorder.counts().offers, 0U);
    EXPECT_EQ(recorder.counts().notes, 1U);
    (void)send(FrontEndRequest::POSTCOPY_END, {});
    (void)send(FrontEndRequest::VRING_KICK, protocol::serialise(protocol::VringState{0, 0}));
    EXPECT_EQ(recorder.counts().offers, 1U);
}

TEST_F(DataPathTest, BeginsAtTheBaseAQueueThatStartsDuringPostcopy) {
    RingPair ring(16);
    open(DataPathMode::tap);
    set_up_ring(ring);
    ring.set_indices(7);
    (void)send(FrontEndRequest::SET_VRING_BASE, protocol::serialise(protocol::VringState{0, 7}));
    (void)send(FrontEndRequest::POSTCOPY_LISTEN, {});
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    EXPECT_TRUE(recorder.all<trace::MemoryRecord>().empty());
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    ring.offer(0);
    (void)send(FrontEndRequest::POSTCOPY_END, {});
    path->session_ended();
    ASSERT_EQ(recorder.entries().size(), 1U);
    EXPECT_EQ(recorder.entries()[0].index, 7);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(DataPathTest, SaysThatPackedRingsAreNotRecorded) {
    RingPair ring(16);
    open(DataPathMode::relay);
    set_up_ring(ring, std::uint64_t{1} << protocol::feature::RING_PACKED);
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

// Else a front-end could make every allocation of every session fail. A region that is larger than what there is at all
// needs no mapping to be refused, so that sanitizers, which leave a process less, agree.
TEST_F(DataPathTest, LeavesAddressSpaceToTheProcess) {
    const FileDescriptor file(::memfd_create("endless", MFD_CLOEXEC));
    const protocol::MemoryRegion region{0, AddressSpaceClaim::most_bytes + 4096, 0, 0};
    open(DataPathMode::tap);
    (void)send(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(region, false),
               one(std::move(*file.duplicate())));
    const auto notes = recorder.all<trace::NoteRecord>();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].text.find("at most"), std::string::npos) << notes[0].text;
}

TEST(AddressSpaceClaim, IsSharedByAllAndGivenBack) {
    {
        const auto most = AddressSpaceClaim::create(AddressSpaceClaim::most_bytes - 4096);
        ASSERT_TRUE(most);
        EXPECT_TRUE(AddressSpaceClaim::create(4096));
        const auto too_much = AddressSpaceClaim::create(8192);
        ASSERT_FALSE(too_much);
        EXPECT_EQ(too_much.error().code, ErrorCode::limit);
    }
    EXPECT_TRUE(AddressSpaceClaim::create(AddressSpaceClaim::most_bytes));
}

// --- Whole guest memory

class SnapshotTest : public DataPathTest {
  protected:
    static constexpr std::uint64_t size = std::uint64_t{64} << 30U;
    static constexpr std::uint64_t base = 0x100000000;

    SnapshotTest() : file(::memfd_create("sparse", MFD_CLOEXEC)) {
        EXPECT_EQ(::ftruncate(file.number(), static_cast<off_t>(size)), 0);
    }
    void write(std::uint64_t offset, std::string_view text) {
        ASSERT_EQ(::pwrite(file.number(), text.data(), text.size(), static_cast<off_t>(offset)),
                  static_cast<ssize_t>(text.size()));
    }
    [[nodiscard]] blkcnt_t blocks() const {
        struct stat status {};
        EXPECT_EQ(::fstat(file.number(), &status), 0);
        return status.st_blocks;
    }
    void send_table() {
        const std::vector<protocol::MemoryRegion> regions{{base, size, 0x7f0000000000, 0}};
        (void)send(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false),
                   one(std::move(*file.duplicate())));
    }
    struct Sum {
        std::uint64_t literal{0};
        std::uint64_t all{0};
    };
    [[nodiscard]] Sum sum() const {
        Sum total;
        for (const auto& record : recorder.all<trace::MemoryRecord>()) {
            total.literal += record.content.literal().size();
            total.all += record.content.size();
        }
        return total;
    }

    FileDescriptor file;
};

TEST_F(SnapshotTest, LeavesASparseRegionSparseAndTheTraceSmall) {
    write(0, "first");
    write(std::uint64_t{20} << 30U, "middle");
    write(size - 4, "last");
    const blkcnt_t before = blocks();
    open(DataPathMode::off, MemoryMode::full);
    send_table();
    wait_until([&] { return sum().all == size ? 1U : 0U; });
    EXPECT_EQ(sum().literal, 3U * 4096);
    EXPECT_EQ(blocks(), before);

    // Again: only what changed.
    recorder.clear();
    write((std::uint64_t{20} << 30U) + 8192, "new");
    write(std::uint64_t{20} << 30U, "MIDDLE");
    path->session_ended();
    path.reset();
    EXPECT_EQ(sum().literal, 2U * 4096);
    EXPECT_EQ(sum().all, 2U * 4096);
    for (const auto& record : recorder.all<trace::MemoryRecord>()) {
        EXPECT_EQ(record.proof, trace::Proof::late);
        EXPECT_EQ(record.part, trace::MemoryRecord::Part::region);
    }
}

TEST_F(SnapshotTest, WaitsForRoomInsteadOfLosingPages) {
    write(0, "first");
    recorder.set_free_bytes(0);
    open(DataPathMode::tap, MemoryMode::full);
    send_table();
    EXPECT_TRUE(recorder.all<trace::MemoryRecord>().empty());
    recorder.set_free_bytes(64U << 20U);
    wait_until([&] { return sum().all == size ? 1U : 0U; });
    EXPECT_EQ(recorder.all<trace::GapRecord>().size(), 0U);
}

TEST_F(SnapshotTest, WritesZerosOverAPageThatWasNot) {
    write(4096, "gone soon");
    open(DataPathMode::off, MemoryMode::full);
    send_table();
    wait_until([&] { return sum().all == size ? 1U : 0U; });
    recorder.clear();
    ASSERT_EQ(::fallocate(file.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
    path->session_ended();
    path.reset();
    EXPECT_EQ(sum().literal, 0U);
    EXPECT_GE(sum().all, 4096U);
    EXPECT_EQ(recorder.all<trace::MemoryRecord>().size(), 1U);
}

TEST_F(SnapshotTest, ClaimsNothingBehindTheEndOfTheFile) {
    ASSERT_EQ(::ftruncate(file.number(), 8192), 0);
    write(0, "first");
    open(DataPathMode::off, MemoryMode::full);
    send_table();
    path->session_ended();
    path.reset();
    EXPECT_EQ(sum().literal, 4096U);
    EXPECT_EQ(sum().all, 8192U);
    const auto notes = recorder.all<trace::NoteRecord>();
    ASSERT_FALSE(notes.empty());
    EXPECT_THAT(notes[0].text, ::testing::HasSubstr("ends before the region"));
}

TEST_F(SnapshotTest, DoesNotHoldUpTheEndOfTheSession) {
    write(0, "first");
    recorder.set_free_bytes(0);  // the disk takes nothing
    open(DataPathMode::relay, MemoryMode::full);
    send_table();
    path->session_ended();  // comes back although nothing can be written
    EXPECT_TRUE(recorder.all<trace::MemoryRecord>().empty());
    recorder.set_free_bytes(64U << 20U);
    path.reset();
    EXPECT_EQ(sum().all, size);
}

TEST_F(SnapshotTest, SaysWhatItCouldNotFinish) {
    write(0, "first");
    recorder.set_free_bytes(0);
    path = DataPath::create(
        {.mode = DataPathMode::off, .memory = MemoryMode::full, .snapshot_patience = std::chrono::milliseconds(100)}, 1,
        recorder, loop, state);
    send_table();
    path.reset();
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].bytes, size);
}

}  // namespace
}  // namespace vutrace::capture
