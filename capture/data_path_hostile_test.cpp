// What a front-end can hand over to hold the data path up, to make it hold too much, or to make it say what is not so.
#include "guest_mappings.h"
#include "queue_taps.h"
#include "region_file.h"
#include "testing/data_path_fixture.h"

#include <vutrace/system/descriptor_kind.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using ::testing::Contains;
using testing::DataPathTest;
using ::testing::HasSubstr;
using testing::RingPair;

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int number = 0; number < 4096; ++number) {
        count += ::fcntl(number, F_GETFD) >= 0 ? 1U : 0U;
    }
    return count;
}

class HostileDataPath : public DataPathTest {
  protected:
    [[nodiscard]] std::vector<std::string> notes() const {
        std::vector<std::string> texts;
        for (const auto& note : recorder.all<trace::NoteRecord>()) {
            texts.push_back(note.text);
        }
        return texts;
    }
    static void make_blocking(const FileDescriptor& event) {
        ASSERT_EQ(::fcntl(event.number(), F_SETFL, ::fcntl(event.number(), F_GETFL) & ~O_NONBLOCK), 0);
    }
};

TEST_F(HostileDataPath, RelayNeverWaitsForACounterThatIsNearlyFull) {
    open(DataPathMode::relay);
    for (const std::uint64_t room : {0U, 1U, 3U, 9U}) {
        auto call = std::move(*create_event_descriptor());
        ASSERT_TRUE(signal_event(call, UINT64_MAX - 1 - room));
        make_blocking(call);
        const auto received =
            send(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0), one(std::move(*call.duplicate())));
        ASSERT_TRUE(signal_event(received.front(), 5));
        (void)send(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0x100));  // passes on what waits
        const std::uint64_t added = std::min<std::uint64_t>(room, 5);
        EXPECT_EQ(event_state(call)->count, UINT64_MAX - 1 - room + added);
    }
}

TEST_F(HostileDataPath, RelayKeepsSemaphores) {
    open(DataPathMode::relay);
    for (const bool semaphore : {true, false}) {
        auto kick = std::move(*create_event_descriptor(semaphore));
        const auto received =
            send(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0), one(std::move(*kick.duplicate())));
        EXPECT_EQ(event_state(received.front())->semaphore, semaphore);
        ASSERT_TRUE(signal_event(kick, 3));
        run_with([&] { wait_until([&] { return event_state(received.front())->count == 3 ? 1U : 0U; }); });
        EXPECT_EQ(*take_event(received.front()), semaphore ? 1U : 3U);
    }
}

TEST_F(HostileDataPath, TapWatchesNothingButEventfds) {
    open(DataPathMode::tap);
    const FileDescriptor file(::memfd_create("kick", MFD_CLOEXEC));
    for (const char* const path_name : {"/dev/null", "/proc/self/maps", "/"}) {
        const auto received = send(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0),
                                   one(FileDescriptor(::open(path_name, O_RDONLY | O_CLOEXEC))));
    }
    EXPECT_EQ(notes().size(), 3U);
    EXPECT_THAT(notes(), Contains(HasSubstr("no eventfd")));
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    run_with([&] {
        for (std::uint64_t calls = 1; calls <= 3; ++calls) {
            ASSERT_TRUE(signal_event(call.first));
            wait_until([&] { return recorder.counts().calls >= calls ? 1U : 0U; });
        }
    });
    EXPECT_EQ(recorder.counts().kicks, 0U);
}

TEST_F(HostileDataPath, KeepsNoFileOpenThatIsMapped) {
    RingPair ring(16);
    for (const DataPathMode mode : {DataPathMode::tap, DataPathMode::relay}) {
        open(mode);
        const std::size_t before = open_descriptors();
        send_memory(ring);
        EXPECT_EQ(open_descriptors(), before);
    }
}

TEST_F(HostileDataPath, ClaimsNothingOfMemoryThatIsNotShared) {
    open(DataPathMode::tap);
    (void)send(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region({0, 4096, 0, 0}, false),
               one(FileDescriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC))));
    ASSERT_EQ(notes().size(), 1U);
    EXPECT_THAT(notes()[0], HasSubstr("not shared memory"));
}

TEST(RegionFile, TakesMemoryAndFilesAndNamesWhatItRefuses) {
    EXPECT_TRUE(check_region_file(FileDescriptor(::memfd_create("memory", MFD_CLOEXEC))));
    EXPECT_TRUE(check_region_file(FileDescriptor(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC))));
    for (const char* const device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom"}) {
        const auto checked = check_region_file(FileDescriptor(::open(device, O_RDONLY | O_CLOEXEC)));
        ASSERT_FALSE(checked) << device;
        EXPECT_EQ(checked.error().code, ErrorCode::unsupported);
    }
    EXPECT_EQ(check_region_file(FileDescriptor{}).error().code, ErrorCode::system);
}

TEST_F(HostileDataPath, QueuesWithTooManyEntriesTogetherAreNotRecorded) {
    constexpr std::uint32_t entries = 32768;
    constexpr std::uint32_t most = QueueTaps::most_ring_entries / entries;
    const FileDescriptor memory(::memfd_create("memory", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(memory.number(), 2U << 20U), 0);
    open(DataPathMode::tap, MemoryMode::none);
    (void)send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0));
    (void)send(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region({0, 2U << 20U, 0, 0}, false),
               one(std::move(*memory.duplicate())));
    const auto start = [&](std::uint32_t queue, std::uint32_t size) {
        (void)send(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{queue, size}));
        (void)send(FrontEndRequest::SET_VRING_ADDR,
                   protocol::serialise(protocol::VringAddress{queue, 0, 0, 0x100000, 0x180000, 0}));
        (void)send(FrontEndRequest::VRING_KICK, protocol::serialise(protocol::VringState{queue, 0}));
    };
    start(0, 16);
    for (std::uint32_t queue = 1; queue < most; ++queue) {
        start(queue, entries);
    }
    // Where everything is slow there is a note of tap's budget, too.
    const auto refused = [&] {
        const auto all = notes();
        return std::count_if(all.begin(), all.end(), [](const std::string& note) {
            return note.find("too many entries") != std::string::npos;
        });
    };
    EXPECT_EQ(refused(), 0);
    start(most, entries);
    EXPECT_EQ(refused(), 1);
    start(0, entries);  // one that runs grows: it has room, being the last
    EXPECT_EQ(refused(), 1);
    start(most + 1, 16);
    EXPECT_EQ(refused(), 2);
}

TEST(DescriptorClaim, LeavesMostDescriptorsToTheSessions) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit tight{64, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    {
        std::vector<DescriptorClaim> claims;
        for (int i = 0; i < 16; ++i) {
            auto claim = DescriptorClaim::create();
            ASSERT_TRUE(claim) << i;
            claims.push_back(std::move(*claim));
        }
        const auto more = DescriptorClaim::create();
        ASSERT_FALSE(more);
        EXPECT_EQ(more.error().code, ErrorCode::limit);
        claims.pop_back();
        EXPECT_TRUE(DescriptorClaim::create());
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(AddressSpaceClaim, BoundsTheNumberOfMappings) {
    std::vector<AddressSpaceClaim> claims;
    for (std::uint64_t i = 0; i < AddressSpaceClaim::most_mappings; ++i) {
        claims.push_back(std::move(*AddressSpaceClaim::create(4096)));
    }
    EXPECT_EQ(AddressSpaceClaim::create(4096).error().code, ErrorCode::limit);
    claims.clear();
    EXPECT_TRUE(AddressSpaceClaim::create(4096));
}

}  // namespace
}  // namespace vutrace::capture
