// Both halves of one queue on one memory, without sockets.
#pragma once

#include "vutrace/replay/device_queue.h"
#include "vutrace/replay/queue_driver.h"

#include <vutrace/replay/guest_files.h>
#include <vutrace/virtio/packed_ring.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace vutrace::replay::testing {

inline constexpr std::uint64_t pair_buffers = 0x80000;  // guest address

[[nodiscard]] inline std::uint32_t packed_base(std::uint16_t offset, bool wrap) {
    return virtio::PackedBase{{offset, wrap}, {offset, wrap}}.value();
}

class BothHalves {
  protected:
    void map(const std::vector<session::KnownRegion>& regions) {
        ASSERT_TRUE(memory_.update(regions, [this](std::uint32_t) { return &file_; }));
    }
    void start(const virtio::RingLayout& layout, std::uint32_t base, bool event_index = false) {
        layout_ = layout;
        map({{{0, 0x10000, 0, 0}, 1}, {{pair_buffers, 0x10000, 0, 0x10000}, 1}});
        const auto begin = static_cast<std::uint16_t>(base);
        const auto driver = driver_.start({layout, event_index, begin, begin});
        ASSERT_TRUE(driver) << describe(driver.error());
        const auto device = device_.start(layout, event_index, base);
        ASSERT_TRUE(device) << describe(device.error());
    }
    // A chain of `count` buffers to write to.
    static trace::ChainEntry writable(std::uint16_t head, std::uint16_t count = 1) {
        trace::ChainEntry entry;
        entry.head = head;
        for (std::uint16_t i = 0; i < count; ++i) {
            const unsigned next = i + 1 < count ? unsigned{virtio::descriptor_next} : 0U;
            entry.descriptors.push_back({pair_buffers + 0x10U * i, 8,
                                         static_cast<std::uint16_t>(virtio::descriptor_write | next),
                                         static_cast<std::uint16_t>(head + i + 1)});
        }
        return entry;
    }
    std::vector<TakenChain> take_all() {
        std::vector<TakenChain> all;
        for (auto taken = device_.take(walked_); taken && *taken; taken = device_.take(walked_)) {
            EXPECT_EQ(walked_.problem, virtio::ChainProblem::none);
            all.push_back(**taken);
        }
        return all;
    }
    std::vector<std::uint16_t> completed() {
        completions_.clear();
        const auto taken = driver_.take_used(completions_);
        EXPECT_TRUE(taken) << describe(taken.error());
        std::vector<std::uint16_t> heads;
        std::transform(completions_.begin(), completions_.end(), std::back_inserter(heads),
                       [](const Completion& completion) { return completion.head; });
        return heads;
    }

    FileDescriptor file_{*create_memory_file("test", 1U << 20U)};
    MappedMemory memory_;
    virtio::RingLayout layout_;
    QueueDriver driver_{memory_, 0};
    DeviceQueue device_{memory_};
    virtio::Chain walked_;
    std::vector<Completion> completions_;
};

}  // namespace vutrace::replay::testing
