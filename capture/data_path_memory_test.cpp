// Memory and rings that come, go and move while queues run.
#include "guest_mappings.h"
#include "testing/data_path_fixture.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;
using testing::RingPair;
using testing::text_of;

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

}  // namespace
}  // namespace vutrace::capture
