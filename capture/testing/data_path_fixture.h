// Fixture: a session whose messages the test sends itself: what the relay would do around the data path.
#pragma once

#include "fake_recorder.h"
#include "packed_ring_pair.h"
#include "ring_pair.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/event_descriptor.h>

#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace vutrace::capture::testing {

class DataPathTest : public ::testing::Test {
  protected:
    void open(DataPathMode mode, MemoryMode memory = MemoryMode::buffers) {
        path = DataPath::create({mode, memory}, 1, recorder, loop, state);
    }

    // Gives what the back-end gets in place of the descriptors.
    std::vector<FileDescriptor> send(protocol::FrontEndRequest request, const Bytes& payload,
                                     std::vector<FileDescriptor> descriptors = {},
                                     std::uint32_t flags = protocol::version_1) {
        const protocol::Header header{static_cast<std::uint32_t>(request), flags,
                                      static_cast<std::uint32_t>(payload.size())};
        std::vector<int> numbers;
        std::vector<std::uint32_t> ids;
        for (const FileDescriptor& descriptor : descriptors) {
            numbers.push_back(descriptor.number());
            ids.push_back(++last_id);
        }
        path->replace_descriptors(Side::front_end, header, descriptors, numbers);
        if (request == protocol::FrontEndRequest::IOTLB_MSG) {
            path->before_translation(header);
        }
        std::vector<FileDescriptor> received;
        for (const int number : numbers) {
            received.emplace_back(::fcntl(number, F_DUPFD_CLOEXEC, 0));
        }
        const auto change = state.apply(Side::front_end, header, payload, ids);
        path->forwarded({Side::front_end, header, payload, &descriptors, &ids}, change);
        return received;
    }
    void answer(protocol::FrontEndRequest request, const Bytes& payload) {
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
        (void)send(protocol::FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false),
                   one(memory.file()));
    }
    // `offset` is where the ring lies beyond the layout's addresses.
    void send_addresses(const virtio::SplitRingLayout& layout, std::uint64_t offset = 0) {
        const std::uint64_t to_user = RingPair::user_address - RingPair::guest_address + offset;
        (void)send(protocol::FrontEndRequest::SET_VRING_ADDR,
                   protocol::serialise(protocol::VringAddress{0, 0, layout.descriptor + to_user, layout.used + to_user,
                                                              layout.available + to_user, 0}));
    }
    void set_up_ring(RingPair& memory, std::uint64_t features = 0) {
        (void)send(protocol::FrontEndRequest::SET_FEATURES, protocol::serialise_u64(features));
        send_memory(memory);
        const auto& layout = memory.layout();
        (void)send(protocol::FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, layout.size}));
        send_addresses(layout);
        (void)send(protocol::FrontEndRequest::SET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    }
    void set_up_packed_ring(PackedRingPair& memory, std::uint64_t features = 0) {
        const std::uint64_t packed = std::uint64_t{1} << protocol::feature::RING_PACKED;
        (void)send(protocol::FrontEndRequest::SET_FEATURES, protocol::serialise_u64(features | packed));
        send_memory(memory);
        const auto& ring = memory.layout();
        (void)send(protocol::FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, ring.size}));
        send_addresses({ring.size, ring.descriptor, ring.driver_event, ring.device_event});
        (void)send(protocol::FrontEndRequest::SET_VRING_BASE,
                   protocol::serialise(protocol::VringState{0, virtio::PackedBase::fresh}));
    }
    // Hands over an eventfd for queue 0: the front-end keeps `first`, the back-end gets `second`.
    struct Ends {
        FileDescriptor first;
        FileDescriptor second;
    };
    Ends send_eventfd(protocol::FrontEndRequest request) {
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
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
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
}  // namespace vutrace::capture::testing
