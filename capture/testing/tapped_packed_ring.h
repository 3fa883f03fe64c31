// Fixture: a tap on a packed ring in its only memory region, and what it records.
#pragma once

#include "../packed_ring_tap.h"
#include "fake_recorder.h"
#include "packed_ring_pair.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture::testing {

class PackedRingTapTest : public ::testing::Test {
  protected:
    using Position = virtio::PackedPosition;
    static constexpr std::uint64_t buffer = RingPair::buffers;

    PackedRingTap& start(std::uint32_t size, RingTap::Options options = {}, Position begin = {}) {
        ring.emplace(size, begin);
        std::vector<FileDescriptor> descriptors;
        descriptors.push_back(ring->file());
        const std::vector<std::uint32_t> ids{1};
        mappings = GuestMappings::next(nullptr, {ring->region(1)}, {&descriptors, &ids}, {}).mappings;
        options.queue = 3;
        tap.emplace(std::move(options), recorder);
        EXPECT_TRUE(tap->place(ring->layout(), mappings));
        tap->start(virtio::PackedBase{begin, begin}.value());
        return *tap;
    }
    static std::vector<RingPair::Buffer> readable(std::uint32_t length = 4) { return {{buffer, length, false}}; }
    static std::vector<RingPair::Buffer> writable(std::uint32_t length = 4) { return {{buffer, length, true}}; }

    std::optional<PackedRingPair> ring;
    std::shared_ptr<const GuestMappings> mappings;
    FakeRecorder recorder;
    std::optional<PackedRingTap> tap;
};

}  // namespace vutrace::capture::testing
