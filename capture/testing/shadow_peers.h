// Fixture: a session in mode `shadow`, with a scripted front-end and a scripted back-end at its sockets. Both read
// whole messages with their descriptors; the driver's ring is a RingPair, the device's whatever the back-end was told.
#pragma once

#include "relayed_session.h"
#include "ring_pair.h"
#include "shadow_device.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/event_descriptor.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::capture::testing {

using Request = protocol::FrontEndRequest;

// As a peer has it.
struct Delivered {
    protocol::Header header;
    Bytes payload;
    std::vector<FileDescriptor> descriptors;
    [[nodiscard]] Request request() const { return static_cast<Request>(header.request); }
};

class ShadowPeersTest : public SessionRelayTest {
  protected:
    static constexpr std::uint32_t plain = protocol::version_1;
    static constexpr std::uint32_t need_reply = protocol::version_1 | protocol::need_reply_flag;
    static constexpr std::uint32_t reply = protocol::version_1 | protocol::reply_flag;

    void begin(MemoryMode memory = MemoryMode::buffers) {
        start([this, memory](const session::DeviceState& state) {
            return DataPath::create({.mode = DataPathMode::shadow, .memory = memory}, 1, recorder_, loop_, state);
        });
    }

    static void send(const FileDescriptor& socket, Request request, const Bytes& payload,
                     const std::vector<int>& numbers = {}, std::uint32_t flags = plain) {
        ASSERT_TRUE(send_all(socket, message(static_cast<std::uint32_t>(request), flags, payload), numbers));
    }
    static Delivered read(const FileDescriptor& socket) {
        Delivered delivered;
        Bytes bytes(protocol::header_size);
        EXPECT_TRUE(receive_exactly(socket, bytes, delivered.descriptors, patience_ms));
        delivered.header = protocol::parse_header(bytes).value_or(protocol::Header{});
        delivered.payload.resize(delivered.header.size);
        EXPECT_TRUE(receive_exactly(socket, delivered.payload, delivered.descriptors, patience_ms));
        return delivered;
    }
    // From the front-end, as the back-end gets it.
    Delivered pass(Request request, const Bytes& payload, const std::vector<int>& numbers = {},
                   std::uint32_t flags = plain) {
        send(front_end_, request, payload, numbers, flags);
        return read(back_end_);
    }
    // From the back-end, as the front-end gets it.
    Delivered answer(Request request, const Bytes& payload) {
        send(back_end_, request, payload, {}, reply);
        return read(front_end_);
    }
    void expect_passes(Request request, const Bytes& payload, const std::vector<int>& numbers = {}) {
        const Delivered delivered = pass(request, payload, numbers);
        EXPECT_EQ(delivered.payload, payload);
        EXPECT_EQ(inodes(delivered.descriptors), inodes(numbers));
    }
    static Bytes state(std::uint32_t queue, std::uint32_t number) {
        return protocol::serialise(protocol::VringState{queue, number});
    }

    static protocol::MemoryRegion region_of(const RingPair& ring) {
        const auto region = ring.region(0).region;
        return {region.guest_address, region.size, region.user_address, region.mmap_offset, 0, 0};
    }
    static protocol::VringAddress addresses_of(const RingPair& ring, std::uint32_t queue = 0) {
        const auto& layout = ring.layout();
        const std::uint64_t to_user = RingPair::user_address - RingPair::guest_address;
        return {queue, 0, layout.descriptor + to_user, layout.used + to_user, layout.available + to_user, layout.used};
    }

    // SET_MEM_TABLE with the ring's memory: gives our region's file.
    FileDescriptor send_table(const RingPair& ring) {
        const FileDescriptor file = ring.file();
        Delivered table =
            pass(Request::SET_MEM_TABLE, protocol::serialise_regions({region_of(ring)}, false), {file.number()});
        const auto regions = protocol::parse_memory_regions(table.payload, false);
        EXPECT_EQ(regions.value_or(std::vector<protocol::MemoryRegion>{}).size(), 2U);
        if (!regions || regions->size() != 2 || table.descriptors.size() != 2) {
            return {};
        }
        EXPECT_EQ(regions->front(), region_of(ring));
        shadow_region_ = regions->back();
        return std::move(table.descriptors.back());
    }
    // One queue as QEMU sets it up, but for the eventfds.
    void set_up(const RingPair& ring, std::uint64_t features = 0, std::uint16_t base = 0) {
        expect_passes(Request::SET_FEATURES, protocol::serialise_u64(features));
        shadow_file_ = send_table(ring);
        set_up_queue(ring, 0, base);
    }
    void set_up_queue(const RingPair& ring, std::uint32_t queue, std::uint16_t base) {
        expect_passes(Request::SET_VRING_NUM, state(queue, ring.layout().size));
        expect_passes(Request::SET_VRING_BASE, state(queue, base));
        const Delivered moved = pass(Request::SET_VRING_ADDR, protocol::serialise(addresses_of(ring, queue)));
        shadow_addresses_ = protocol::parse_vring_address(moved.payload).value();
    }
    // Both ends of an eventfd that is handed over.
    struct Event {
        FileDescriptor front_end;
        FileDescriptor back_end;
    };
    Event hand_over(Request request, std::uint64_t queue = 0) {
        Event event{std::move(*create_event_descriptor()), {}};
        Delivered delivered = pass(request, protocol::serialise_u64(queue), {event.front_end.number()});
        EXPECT_EQ(delivered.descriptors.size(), 1U);
        event.back_end = std::move(delivered.descriptors.front());
        return event;
    }
    [[nodiscard]] ShadowDevice device_of(const RingPair& ring) const {
        return {shadow_file_, shadow_addresses_.descriptor - shadow_region_.guest_address, ring.layout().size};
    }

    template <class Condition>
    static void wait_for(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{patience_ms};
        while (!condition()) {
            if (std::chrono::steady_clock::now() >= end) {
                ADD_FAILURE() << "nothing happened in time";
                return;
            }
            std::this_thread::yield();
        }
    }
    static void wait_for_event(const FileDescriptor& event) {
        wait_for([&] { return take_event(event).value_or(0) != 0; });
    }
    [[nodiscard]] std::vector<std::string> notes() const {
        std::vector<std::string> texts;
        for (const auto& note : recorder_.all<trace::NoteRecord>()) {
            texts.push_back(note.text);
        }
        return texts;
    }

    protocol::MemoryRegion shadow_region_;
    FileDescriptor shadow_file_;
    protocol::VringAddress shadow_addresses_;
};

}  // namespace vutrace::capture::testing
