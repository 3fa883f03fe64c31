// Guest memory is not touched while pages of it may be missing. A page that is read through a mapping comes into being,
// so the blocks of a discarded file tell whether somebody did.
#include "background_data_path.h"
#include "testing/data_path_fixture.h"
#include "testing/handed_over_channel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/userfaultfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::ChannelTest;
using testing::DataPathTest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RingPair;

class Postcopy : public DataPathTest, public ::testing::WithParamInterface<DataPathMode> {
  protected:
    void begin_ring(MemoryMode memory = MemoryMode::buffers) {
        open(GetParam(), memory);
        set_up_ring(ring);
        kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    }
    void discard() {
        ASSERT_EQ(::fallocate(file.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                              static_cast<off_t>(RingPair::memory_size)),
                  0);
        ASSERT_EQ(blocks(), 0);
    }
    [[nodiscard]] blkcnt_t blocks() const {
        struct stat status {};
        EXPECT_EQ(::fstat(file.number(), &status), 0);
        return status.st_blocks;
    }
    void announce(FrontEndRequest request) {
        path->release_memory();
        (void)send(request, {});
    }
    void kick_in_band() { (void)send(FrontEndRequest::VRING_KICK, protocol::serialise(protocol::VringState{0, 0})); }
    [[nodiscard]] std::string last_note() const {
        const auto notes = recorder.all<trace::NoteRecord>();
        return notes.empty() ? "" : notes.back().text;
    }

    RingPair ring{16};
    FileDescriptor file{ring.file()};
    Ends kick;
};

TEST_P(Postcopy, NothingTouchesMemoryBetweenItsAnnouncementAndItsEnd) {
    begin_ring(MemoryMode::full);
    announce(FrontEndRequest::POSTCOPY_ADVISE);
    discard();
    kick_in_band();
    announce(FrontEndRequest::POSTCOPY_LISTEN);
    kick_in_band();
    send_memory(ring);  // new regions, under a ring that runs
    send_addresses(ring.layout());
    const Ends again = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    run_with([&] {
        EXPECT_TRUE(signal_event(again.first));
        EXPECT_TRUE(signal_event(call.second));
        (void)wait_until([&] { return GetParam() == DataPathMode::off || recorder.counts().kicks != 0 ? 1U : 0U; });
    });
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    EXPECT_EQ(blocks(), 0);
    path->session_ended();
    path.reset();
    EXPECT_EQ(blocks(), 0);
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_FALSE(gaps.empty());
    EXPECT_THAT(gaps.front().reason, HasSubstr("during postcopy"));
    EXPECT_EQ(gaps.front().bytes, RingPair::memory_size);
}

TEST_P(Postcopy, AfterItsEndTheRingsAreLookedAtAgain) {
    if (GetParam() == DataPathMode::off) {
        return;  // has no rings
    }
    begin_ring();
    announce(FrontEndRequest::POSTCOPY_ADVISE);
    announce(FrontEndRequest::POSTCOPY_LISTEN);
    for (std::uint16_t head = 0; head < 3; ++head) {
        ring.describe_chain(head, {{RingPair::buffers, 8, false}});
        ring.offer(head);
    }
    kick_in_band();
    EXPECT_THAT(recorder.entries(), IsEmpty());
    (void)send(FrontEndRequest::POSTCOPY_END, {});
    EXPECT_EQ(recorder.counts().offers, 3U) << "without waiting for a notification";
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
    EXPECT_THAT(last_note(), HasSubstr("postcopy is over"));
}

TEST_P(Postcopy, WhatTheRingNoLongerHoldsIsCounted) {
    if (GetParam() == DataPathMode::off) {
        return;
    }
    begin_ring();
    announce(FrontEndRequest::POSTCOPY_LISTEN);
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    for (int i = 0; i < 100; ++i) {
        ring.offer(0);
        (void)ring.take();
        ring.use(0, 0);
        (void)ring.reap();
    }
    (void)send(FrontEndRequest::POSTCOPY_END, {});
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers + counts.chains_lost, 100U);
    EXPECT_GE(counts.chains_lost, 100U - 16U);
    EXPECT_FALSE(recorder.all<trace::GapRecord>().empty());
}

TEST_P(Postcopy, ThatWasAnnouncedOnlyIsOverWhenAQueueStarts) {
    open(GetParam());
    announce(FrontEndRequest::POSTCOPY_ADVISE);
    set_up_ring(ring);
    ring.describe_chain(0, {{RingPair::buffers, 8, false}});
    ring.offer(0);
    EXPECT_TRUE(state.memory_incomplete());
    kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    EXPECT_FALSE(state.memory_incomplete());
    EXPECT_EQ(recorder.counts().offers, GetParam() == DataPathMode::off ? 0U : 1U);
}

INSTANTIATE_TEST_SUITE_P(Modes, Postcopy, ::testing::Values(DataPathMode::off, DataPathMode::tap, DataPathMode::relay));

// --- Before the back-end knows

class ReleasingDataPath final : public DataPath {
  public:
    explicit ReleasingDataPath(std::function<void()> released) : released_(std::move(released)) {}
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}
    void before_reply(const protocol::Header&, ByteView) override {}
    void release_memory() override { released_(); }
    void forwarded(ForwardedMessage, const session::Change&) override {}
    void session_ended() override {}

  private:
    std::function<void()> released_;
};

using PostcopyMessages = ChannelTest;

TEST_F(PostcopyMessages, ReachTheBackEndAfterMemoryWasReleased) {
    int released = 0;
    start([&](const session::DeviceState&) {
        return std::make_unique<ReleasingDataPath>([&] {
            pollfd entry{back_end_.number(), POLLIN, 0};
            EXPECT_EQ(::poll(&entry, 1, 0), 0) << "the back-end must not know yet";
            ++released;
        });
    });
    for (const std::uint32_t request : {28U, 29U, 30U, 1U}) {
        expect_passes(front_end_, back_end_, testing::message(request, 1, {}));
    }
    stop();
    EXPECT_EQ(released, 2) << "for ADVISE and LISTEN";
}

TEST_F(PostcopyMessages, AreHeldUntilTheBackgroundReleasedMemory) {
    std::atomic<bool> released{false};
    start([&](const session::DeviceState&) {
        return BackgroundDataPath::start(
                   [&](EventLoop&, const session::DeviceState&) {
                       return std::make_unique<ReleasingDataPath>([&] {
                           std::this_thread::yield();
                           released = true;
                       });
                   },
                   [](const char* what) { ADD_FAILURE() << what; }, false)
            .value();
    });
    expect_passes(front_end_, back_end_, testing::message(29, 1, {}));
    EXPECT_TRUE(released);
}

// Not permitted everywhere: then an eventfd stands in for it, and its kind is not checked.
TEST_F(PostcopyMessages, PassTheUserfaultDescriptorOfTheBackEnd) {
    start();
    FileDescriptor fault(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
    const bool real = static_cast<bool>(fault);
    if (!real) {
        fault = std::move(*create_event_descriptor());
        std::puts("userfaultfd is not permitted: an eventfd stands in for it");
    }
    expect_passes(front_end_, back_end_, testing::message(28, 1, {}));
    const Bytes answer = testing::message(28, testing::reply, testing::pattern(8, 1));
    expect_passes(back_end_, front_end_, answer, {fault.number()});
    stop();
    const auto records = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(records.size(), 2U);
    ASSERT_EQ(records[1].descriptors.size(), 1U);
    EXPECT_EQ(records[1].descriptors[0].description.kind, real ? DescriptorKind::userfaultfd : DescriptorKind::eventfd);
}

}  // namespace
}  // namespace vutrace::capture
