// Fixture: a tap on a split ring in its only memory region, and what it records.
#pragma once

#include "../split_ring_tap.h"
#include "fake_recorder.h"
#include "ring_pair.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture::testing {

class SplitRingTapTest : public ::testing::Test {
  protected:
    static constexpr std::uint64_t buffer = RingPair::buffers;

    explicit SplitRingTapTest(std::uint32_t size = 16) : ring(size) {
        std::vector<FileDescriptor> descriptors;
        descriptors.push_back(ring.file());
        const std::vector<std::uint32_t> ids{1};
        mappings = GuestMappings::next(nullptr, {ring.region(1)}, {&descriptors, &ids}, {}).mappings;
    }

    SplitRingTap& start(SplitRingTap::Options options = {}, std::uint16_t base = 0) {
        options.queue = 3;
        tap.emplace(std::move(options), recorder);
        EXPECT_TRUE(tap->place(ring.layout(), mappings));
        ring.set_indices(base);
        tap->start(base);
        return *tap;
    }

    RingPair ring;
    std::shared_ptr<const GuestMappings> mappings;
    FakeRecorder recorder;
    std::optional<SplitRingTap> tap;
};
}  // namespace vutrace::capture::testing
