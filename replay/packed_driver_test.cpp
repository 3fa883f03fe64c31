// The driver's half of a packed ring against a device that the test plays itself.
#include "vutrace/replay/queue_driver.h"

#include <vutrace/replay/guest_files.h>
#include <vutrace/system/event_descriptor.h>
#include <vutrace/virtio/packed_ring.h>

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace vutrace::replay {
namespace {

using virtio::PackedEvent;
using virtio::PackedPosition;

class PackedQueue : public ::testing::Test {
  protected:
    void SetUp() override {
        auto file = create_memory_file("test", 1U << 20U);
        ASSERT_TRUE(file);
        file_ = std::move(*file);
        map();
    }
    void map() {
        ASSERT_TRUE(memory_.update({{{0, 0x10000, 0, 0}, 1}, {{0x80000, 0x10000, 0, 0x10000}, 1}},
                                   [this](std::uint32_t) { return &file_; }));
    }
    [[nodiscard]] Status start(PackedPosition begin = {}, bool event_index = false, bool in_order = false) {
        device_ = used_ = begin;
        return driver_.start({layout_, event_index, begin.value(), begin.value(), in_order});
    }
    static trace::ChainEntry chain(std::uint16_t id, std::uint32_t buffers) {
        trace::ChainEntry entry;
        entry.head = id;
        for (std::uint32_t i = 0; i < buffers; ++i) {
            // Flags as they were recorded, of whatever round.
            const unsigned next = i + 1 < buffers ? unsigned{virtio::descriptor_next} : 0U;
            entry.descriptors.push_back({0x80000 + 0x100 * std::uint64_t{i}, 8,
                                         static_cast<std::uint16_t>(virtio::descriptor_write | next |
                                                                    virtio::packed_available | virtio::packed_used),
                                         id});
        }
        return entry;
    }
    // The device.
    bool take() {
        std::array<std::byte, 16> bytes{};
        EXPECT_TRUE(memory_.read(layout_.descriptor + layout_.slot(device_.offset), bytes));
        if (!virtio::is_available(virtio::parse_packed_descriptor(bytes).flags, device_.wrap)) {
            return false;
        }
        virtio::walk_packed_chain(memory_, layout_, device_, walked_);
        device_ = device_.plus(walked_.slots, layout_.size);
        return true;
    }
    void use(std::uint16_t id, std::uint32_t length, std::uint32_t slots) {
        std::array<std::byte, 16> bytes{};
        virtio::serialise_packed_descriptor(
            {0, length, static_cast<std::uint16_t>(virtio::descriptor_write | virtio::used_flags(used_.wrap)), id},
            bytes);
        EXPECT_TRUE(memory_.write(layout_.descriptor + layout_.slot(used_.offset), bytes));
        used_ = used_.plus(slots, layout_.size);
    }
    void ask_for_kick(PackedEvent event) {
        std::array<std::byte, 4> bytes{};
        store<std::uint16_t>(bytes, 0, event.position);
        store<std::uint16_t>(bytes, 2, event.flags);
        EXPECT_TRUE(memory_.write(layout_.device_event, bytes));
    }
    [[nodiscard]] std::vector<std::uint16_t> completed() {
        completions_.clear();
        EXPECT_TRUE(driver_.take_used(completions_));
        std::vector<std::uint16_t> heads;
        for (const Completion& completion : completions_) {
            EXPECT_TRUE(completion.known);
            heads.push_back(completion.head);
        }
        return heads;
    }

    FileDescriptor file_;
    MappedMemory memory_;
    virtio::PackedRingLayout layout_{5, 0x1000, 0x2000, 0x3000};
    QueueDriver driver_{memory_, 0};
    PackedPosition device_, used_;
    virtio::PackedChain walked_;
    std::vector<Completion> completions_;
};

TEST_F(PackedQueue, TheDeviceSeesAChainWhenItIsPublished) {
    ASSERT_TRUE(start());
    ASSERT_TRUE(driver_.offer(chain(700, 3), 5));
    EXPECT_FALSE(take()) << "seen before it was published";
    EXPECT_EQ(driver_.unpublished(), 1U);
    ASSERT_TRUE(driver_.publish());
    ASSERT_TRUE(take());
    EXPECT_EQ(walked_.chain.problem, virtio::ChainProblem::none);
    EXPECT_EQ(walked_.id, 700);
    EXPECT_EQ(walked_.slots, 3U);
    EXPECT_EQ(walked_.chain.writable_bytes, 24U);
    EXPECT_EQ(completed(), std::vector<std::uint16_t>());
    use(700, 9, 3);
    EXPECT_EQ(completed(), std::vector<std::uint16_t>{700});
    EXPECT_EQ(completions_[0].length, 9U);
    EXPECT_EQ(completions_[0].chain.token, 5U);
    EXPECT_EQ(driver_.in_flight(), 0U);
}

TEST_F(PackedQueue, GoesAroundInBothRoundsAndCompletesOutOfOrder) {
    for (const bool wrap : {true, false}) {
        ASSERT_TRUE(start({4, wrap}));
        for (int i = 0; i < 20; ++i) {
            ASSERT_TRUE(driver_.offer(chain(1, 2)));
            ASSERT_TRUE(driver_.offer(chain(2, 1)));
            ASSERT_TRUE(driver_.publish());
            ASSERT_TRUE(take());
            ASSERT_TRUE(take());
            EXPECT_EQ(walked_.id, 2);
            EXPECT_FALSE(take());
            use(2, 1, 1);
            use(1, 1, 2);
            EXPECT_EQ(completed(), (std::vector<std::uint16_t>{2, 1})) << i;
        }
    }
}

TEST_F(PackedQueue, TakesABatchApart) {
    ASSERT_TRUE(start({}, false, true));
    for (std::uint16_t id = 0; id < 3; ++id) {
        ASSERT_TRUE(driver_.offer(chain(id, 1)));
    }
    ASSERT_TRUE(driver_.publish());
    use(2, 4, 3);
    EXPECT_EQ(completed(), (std::vector<std::uint16_t>{0, 1, 2}));
    EXPECT_EQ(completions_[0].length, 8U) << "completely written";
    EXPECT_EQ(completions_[2].length, 4U);
}

TEST_F(PackedQueue, WritesTheTableBehindAnIndirectDescriptor) {
    ASSERT_TRUE(start());
    auto entry = chain(3, 2);
    entry.descriptors.insert(entry.descriptors.begin(), {0x80800, 32, virtio::descriptor_indirect, 3});
    ASSERT_TRUE(driver_.offer(entry));
    ASSERT_TRUE(driver_.publish());
    ASSERT_TRUE(take());
    EXPECT_EQ(walked_.chain.problem, virtio::ChainProblem::none);
    EXPECT_EQ(walked_.slots, 1U);
    EXPECT_EQ(walked_.chain.descriptors.size(), 3U);
    EXPECT_EQ(walked_.chain.writable_bytes, 16U);
}

TEST_F(PackedQueue, RefusesWhatTheRingHasNoRoomFor) {
    ASSERT_TRUE(start());
    ASSERT_TRUE(driver_.offer(chain(0, 3)));
    const auto refused = driver_.offer(chain(1, 3));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::limit);
    EXPECT_TRUE(driver_.offer(chain(2, 2)));
}

TEST_F(PackedQueue, AChainWithoutDescriptorsTakesNoPlace) {
    ASSERT_TRUE(start());
    ASSERT_TRUE(driver_.offer(chain(0, 2)));
    const auto refused = driver_.offer(chain(1, 0));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_TRUE(driver_.started());
    EXPECT_EQ(driver_.in_flight(), 1U);
    ASSERT_TRUE(driver_.offer(chain(2, 3))) << "all of the ring is there for others";
    ASSERT_TRUE(driver_.publish());
    ASSERT_TRUE(take());
    ASSERT_TRUE(take());
    EXPECT_EQ(walked_.id, 2);
}

TEST_F(PackedQueue, SaysThatTheDeviceUsedWhatItDoesNotHave) {
    ASSERT_TRUE(start());
    ASSERT_TRUE(driver_.offer(chain(0, 1)));
    ASSERT_TRUE(driver_.publish());
    use(9, 1, 1);
    const auto taken = driver_.take_used(completions_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::bad_input);
    EXPECT_FALSE(driver_.started());
}

TEST_F(PackedQueue, KicksAsTheDeviceAsks) {
    auto kick = create_event_descriptor();
    ASSERT_TRUE(kick);
    driver_.set_kick(std::move(*kick));
    ASSERT_TRUE(start({}, true));
    std::uint64_t expected = 0;
    const auto offer_with = [&](PackedEvent event, bool kicks) {
        ask_for_kick(event);
        ASSERT_TRUE(driver_.offer(chain(0, 1)));
        ASSERT_TRUE(driver_.publish());
        use(0, 0, 1);
        (void)completed();
        expected += kicks ? 1U : 0U;
        EXPECT_EQ(driver_.kicks(), expected);
    };
    offer_with({0, PackedEvent::enable}, true);
    offer_with({0, PackedEvent::disable}, false);
    offer_with({0x8002, PackedEvent::descriptor}, true);
    offer_with({0x8002, PackedEvent::descriptor}, false);
}

TEST_F(PackedQueue, AsksToBeCalledAtTheNextCompletion) {
    ASSERT_TRUE(start({}, true));
    ASSERT_TRUE(driver_.offer(chain(0, 2)));
    ASSERT_TRUE(driver_.publish());
    EXPECT_FALSE(driver_.enable_call());
    std::array<std::byte, 4> area{};
    ASSERT_TRUE(memory_.read(layout_.driver_event, area));
    EXPECT_EQ(virtio::parse_packed_event(area).mode(), PackedEvent::descriptor);
    EXPECT_EQ(virtio::parse_packed_event(area).position, 0x8000);
    use(0, 1, 2);
    EXPECT_TRUE(driver_.enable_call());
}

TEST_F(PackedQueue, FindsItsRingAgainAfterAnUpdateOfTheMemory) {
    ASSERT_TRUE(start());
    map();
    ASSERT_TRUE(driver_.offer(chain(0, 1)));
    ASSERT_TRUE(memory_.update({}, [this](std::uint32_t) { return &file_; }));
    const auto published = driver_.publish();
    ASSERT_FALSE(published);
    EXPECT_EQ(published.error().code, ErrorCode::bad_input);
}

TEST_F(PackedQueue, RefusesARingThatIsNowhere) {
    layout_.device_event = 0xfffffff0;
    EXPECT_FALSE(start());
    layout_ = {5, 0x1000, 0x2000, 0x3000};
    EXPECT_FALSE(start({5, true})) << "begins behind the end";
}

}  // namespace
}  // namespace vutrace::replay
