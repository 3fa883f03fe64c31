#include "packed_shadow_rings.h"

#include "../testing/fake_recorder.h"
#include "../testing/packed_ring_pair.h"
#include "../testing/packed_shadow_device.h"
#include "shadow_queue.h"

#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using testing::FakeRecorder;
using testing::PackedRingPair;
using testing::PackedShadowDevice;
using testing::RingPair;
using testing::text_of;
using Position = virtio::PackedPosition;

class PackedShadowTest : public ::testing::Test {
  protected:
    void open(std::uint32_t size, Position begin = {}) {
        driver = std::make_unique<PackedRingPair>(size, begin);
        next_reap = begin;
        std::vector<FileDescriptor> files;
        files.push_back(driver->file());
        const std::vector<std::uint32_t> ids{1};
        mappings = GuestMappings::next(nullptr, {driver->region(1)}, {&files, &ids},
                                       {.map = true, .keep_files = false, .writable = true})
                       .mappings;
        rings = std::make_unique<PackedShadowRings>(memory.parts(0), log, options.in_order);
        ASSERT_TRUE(rings->place(driver->layout(), mappings));
        ASSERT_TRUE(rings->begin_after({0, virtio::PackedBase{begin, begin}.value(), std::nullopt, {}}));
        device = std::make_unique<PackedShadowDevice>(memory, size, begin);
        queue = std::make_unique<ShadowQueue>(options, recorder, *rings);
    }
    // One readable and one writable buffer: two descriptors.
    void offer(std::uint16_t id, std::string_view text) {
        const std::uint64_t at = RingPair::buffers + id * std::uint64_t{256};
        driver->write(at, text);
        driver->offer(id, {{at, static_cast<std::uint32_t>(text.size()), false}, {at + 128, 16, true}});
    }
    void answer(std::uint16_t id, std::string_view text) {
        driver->write(RingPair::buffers + id * std::uint64_t{256} + 128, text);
        device->use(id, static_cast<std::uint32_t>(text.size()), 2);
    }
    // What the driver finds used next: its id.
    std::optional<std::uint16_t> reap(std::uint32_t slots = 2) {
        const auto flags = driver->get<std::uint16_t>(
            driver->layout().descriptor + driver->layout().slot(next_reap.offset) + virtio::packed_flags_at);
        if (!virtio::is_used(flags, next_reap.wrap)) {
            return std::nullopt;
        }
        const std::uint16_t id = driver->descriptor(next_reap.offset).next;
        next_reap = next_reap.plus(slots, driver->layout().size);
        return id;
    }
    [[nodiscard]] std::vector<std::string> contents() const {
        std::vector<std::string> texts;
        for (const auto& entry : recorder.entries()) {
            texts.push_back(text_of(entry.content));
        }
        return texts;
    }

    FakeRecorder recorder;
    ShadowMemory memory{std::move(*ShadowMemory::create(1))};
    DirtyLogWriter log;
    std::unique_ptr<PackedRingPair> driver;
    Position next_reap;
    std::shared_ptr<const GuestMappings> mappings;
    std::unique_ptr<PackedShadowRings> rings;
    std::unique_ptr<PackedShadowDevice> device;
    ShadowQueue::Options options;
    std::unique_ptr<ShadowQueue> queue;
};

TEST_F(PackedShadowTest, MovesAChainAndItsCompletionAndRecordsBoth) {
    open(7);
    offer(900, "request");
    EXPECT_TRUE(queue->serve().kick);
    const auto taken = device->take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->id, 900);
    EXPECT_EQ(taken->slots, 2U);
    EXPECT_FALSE(device->take());
    answer(900, "answered");
    EXPECT_FALSE(reap()) << "not before it is recorded";
    EXPECT_TRUE(queue->serve().call);
    EXPECT_EQ(reap(), 900);
    EXPECT_EQ(driver->descriptor(0).length, 8U);
    EXPECT_FALSE(queue->serve().found());
    EXPECT_THAT(contents(), ElementsAre("request", "answered"));
    for (const auto& entry : recorder.entries()) {
        EXPECT_EQ(entry.proof, trace::Proof::verified);
        EXPECT_EQ(entry.head, 900);
        EXPECT_EQ(entry.index, Position{}.value());
    }
    const auto records = recorder.all<trace::ChainRecord>();
    EXPECT_EQ(records.back().fields.available_index, (Position{2, true}.value()));
    EXPECT_EQ(records.back().fields.used_index, (Position{2, true}.value()));
}

TEST_F(PackedShadowTest, AQueueGoesOnBehindWhatWasUsed) {
    open(3, {2, true});
    offer(0, "taken and not used");
    EXPECT_TRUE(queue->serve().kick);
    EXPECT_EQ(rings->base_by_used(), (virtio::PackedBase{{2, true}, {2, true}}.value()));
    ASSERT_TRUE(device->take());
    answer(0, "used");
    (void)queue->serve();
    EXPECT_EQ(rings->base_by_used(), (virtio::PackedBase{{1, false}, {1, false}}.value()));
}

TEST_F(PackedShadowTest, ALengthWithoutWriteMeansNothingAndIsDelivered) {
    open(7);
    offer(3, "request");
    (void)queue->serve();
    ASSERT_TRUE(device->take());
    device->use(3, 146, 2, false);  // as DPDK does
    (void)queue->serve();
    EXPECT_EQ(reap(), 3);
    EXPECT_EQ(driver->descriptor(0).length, 146U);
    EXPECT_EQ(recorder.entries().back().used_length, 0U);
    EXPECT_EQ(recorder.entries().back().content.size(), 0U);
}

TEST_F(PackedShadowTest, NothingOfSeveralIsSeenBeforeAllAreRecorded) {
    open(16);
    recorder.set_free_bytes(0);
    for (std::uint16_t id = 0; id < 5; ++id) {
        offer(id, "a");
    }
    EXPECT_TRUE(queue->serve().waits);
    EXPECT_FALSE(device->take());
    recorder.set_free_bytes(64U << 20U);
    queue->serve();
    for (std::uint16_t id = 0; id < 5; ++id) {
        EXPECT_EQ(device->take()->id, id);
    }
    EXPECT_FALSE(device->take());
}

TEST_F(PackedShadowTest, LeavesIndirectTablesWhereTheyAre) {
    open(5);
    driver->write(RingPair::buffers, "abc");
    driver->offer_indirect(3, RingPair::buffers + 4096,
                           {{RingPair::buffers, 3, false}, {RingPair::buffers + 64, 8, true}});
    queue->serve();
    const auto taken = device->take();
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->address, RingPair::buffers + 4096);
    EXPECT_EQ(taken->slots, 1U);
    device->use(3, 8, 1);
    queue->serve();
    EXPECT_EQ(reap(1), 3);
    EXPECT_EQ(recorder.counts().verified, 2U);
}

// DPDK takes INDIRECT with NEXT, which no driver may use.
TEST_F(PackedShadowTest, AChainThatIsWrongEndsWhereTheBackEndSeesItsEnd) {
    open(9);
    constexpr std::uint16_t available = virtio::packed_available;
    driver->put_descriptor(1,
                           {RingPair::buffers, 8, static_cast<std::uint16_t>(available | virtio::descriptor_next), 1});
    driver->put_descriptor(2, {RingPair::buffers, 8, available, 42});
    driver->put_descriptor(
        0, {RingPair::buffers + 4096, 16,
            static_cast<std::uint16_t>(available | virtio::descriptor_indirect | virtio::descriptor_next), 0});
    driver->next_offer = {3, true};
    offer(7, "behind");
    queue->serve();
    const auto wrong = device->take();
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->slots, 3U);
    EXPECT_EQ(wrong->id, 42);
    ASSERT_EQ(device->take()->id, 7);
    device->use(42, 0, 3);
    device->use(7, 4, 2);
    queue->serve();
    EXPECT_EQ(reap(3), 42);
    EXPECT_EQ(reap(), 7);
    EXPECT_EQ(queue->in_flight(), 0U);
}

TEST_F(PackedShadowTest, CompletionsComeInTheOrderOfTheBackEnd) {
    open(9, {6, false});
    for (const auto id : {std::uint16_t{10}, std::uint16_t{11}, std::uint16_t{12}}) {
        offer(id, "a");
    }
    queue->serve();
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(device->take());
    }
    answer(12, "c");
    answer(10, "b");
    queue->serve();
    EXPECT_EQ(reap(), 12);
    EXPECT_EQ(reap(), 10);
    EXPECT_FALSE(reap());
    offer(12, "again");  // its id is free again
    queue->serve();
    EXPECT_EQ(device->take()->id, 12);
    EXPECT_EQ(recorder.counts().verified, 6U);
    EXPECT_EQ(queue->in_flight(), 2U);
}

// virtio-user of DPDK 22.11 leaves an old id in descriptors of indirect tables. Positions must stay right.
TEST_F(PackedShadowTest, AnIdThatIsGivenTwiceIsCompletedTwice) {
    open(16);
    offer(4, "first");
    driver->write(RingPair::buffers, "second");
    driver->offer(4, {{RingPair::buffers, 6, false}});
    offer(5, "third");
    queue->serve();
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(device->take());
    }
    device->use(4, 0, 2);
    device->use(4, 0, 1);
    device->use(5, 0, 2);
    queue->serve();
    EXPECT_EQ(reap(2), 4);
    EXPECT_EQ(reap(1), 4);
    EXPECT_EQ(reap(2), 5);
    EXPECT_EQ(queue->in_flight(), 0U);
    EXPECT_EQ(recorder.counts().verified, 6U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(PackedShadowTest, InOrderOneDescriptorStandsForABatch) {
    options.in_order = true;
    open(16);
    for (std::uint16_t id = 0; id < 4; ++id) {
        offer(id, "a");
    }
    queue->serve();
    device->use(3, 0, 8);
    queue->serve();
    EXPECT_EQ(reap(8), 3);
    EXPECT_FALSE(reap());
    EXPECT_EQ(recorder.counts().completions, 4U);
    EXPECT_EQ(queue->in_flight(), 0U);
    offer(0, "b");
    queue->serve();
    device->next_take = device->next_use;
    EXPECT_EQ(device->take()->id, 0);
}

TEST_F(PackedShadowTest, NotifiesAsTheEventAreasSay) {
    open(8);
    device->set_event(virtio::PackedEvent::disable);
    offer(0, "a");
    EXPECT_FALSE(queue->serve().kick);
    driver->set_driver_event({0, virtio::PackedEvent::disable});
    answer(0, "b");
    EXPECT_FALSE(queue->serve().call);
    const auto device_area = driver->layout().device_event + 2;
    rings->want_kicks(false);
    rings->want_calls(false);
    EXPECT_EQ(driver->get<std::uint16_t>(device_area), virtio::PackedEvent::disable);
    EXPECT_EQ(device->driver_event(), virtio::PackedEvent::disable);
    rings->want_kicks(true);
    rings->want_calls(true);
    EXPECT_EQ(driver->get<std::uint16_t>(device_area), virtio::PackedEvent::enable);
    EXPECT_EQ(device->driver_event(), virtio::PackedEvent::enable);
    driver->set_driver_event({Position{2, true}.value(), virtio::PackedEvent::descriptor});
    offer(1, "a");
    queue->serve();
    answer(1, "b");
    EXPECT_TRUE(queue->serve().call);
}

TEST_F(PackedShadowTest, IsLeftAloneWhereSomethingMayBeInFlight) {
    open(8);
    EXPECT_FALSE(rings->begin_after({0, virtio::PackedBase{{4, true}, {2, true}}.value(), std::nullopt, {}}));
    EXPECT_FALSE(rings->begin_after({0, virtio::PackedBase{{9, true}, {9, true}}.value(), std::nullopt, {}}));
    EXPECT_TRUE(rings->begin_after({0, 0x8003, std::nullopt, {}})) << "the lower half alone";
}

TEST_F(PackedShadowTest, PassesCompletionsOnThatNobodyWaitsFor) {
    open(8);
    device->use(77, 8, 1);
    queue->serve();
    EXPECT_EQ(reap(1), 77);
    EXPECT_EQ(recorder.counts().chains_lost, 1U);
}

TEST_F(PackedShadowTest, SurvivesNoiseAndMemoryThatVanishes) {
    std::mt19937 random(11);
    for (int round = 0; round < 60; ++round) {
        options.in_order = round % 2 == 0;
        open(1 + static_cast<std::uint32_t>(round % 13));
        for (int step = 0; step < 200; ++step) {
            const auto value = static_cast<std::uint16_t>(random());
            const std::uint64_t offset = random() % (driver->layout().descriptor_bytes() / 2) * 2;
            if (step % 2 == 0) {
                driver->put<std::uint16_t>(driver->layout().descriptor + offset, value);
            } else {
                device->put_noise(offset, value);
            }
            (void)queue->serve();
        }
        if (round % 3 == 0) {
            driver->truncate(0);
        }
        (void)queue->finish(std::chrono::milliseconds{10});
    }
}

TEST_F(PackedShadowTest, LosesNothingToADriverThatPolls) {
    constexpr std::uint32_t chains = 100'000;
    constexpr std::uint32_t size = 513;
    open(size);
    std::atomic<bool> done{false};
    std::atomic<std::uint32_t> wrong{0};
    std::thread device_thread([&] {
        for (std::uint32_t served = 0; served < chains;) {
            const auto taken = device->take();
            if (!taken) {
                std::this_thread::yield();
                continue;
            }
            driver->put<std::uint32_t>(taken->address + 128, driver->get<std::uint32_t>(taken->address) + 1);
            device->use(taken->id, 4, 2);
            ++served;
        }
    });
    std::thread driver_thread([&] {
        std::uint32_t offered = 0;
        std::uint32_t reaped = 0;
        while (reaped < chains) {
            if (offered < chains && offered - reaped < size / 2) {
                const auto id = static_cast<std::uint16_t>(offered % (size / 2));
                const std::uint64_t at = RingPair::buffers + id * std::uint64_t{256};
                driver->put<std::uint32_t>(at, offered);
                driver->offer(id, {{at, 4, false}, {at + 128, 4, true}});
                ++offered;
            }
            if (const auto id = reap()) {
                const std::uint64_t at = RingPair::buffers + *id * std::uint64_t{256} + 128;
                wrong += driver->get<std::uint32_t>(at) == reaped + 1 ? 0U : 1U;
                driver->put<std::uint32_t>(at, 0xdeadbeef);
                ++reaped;
            }
        }
        done = true;
    });
    while (!done) {
        if (!queue->serve().found()) {
            std::this_thread::yield();
        }
    }
    driver_thread.join();
    device_thread.join();
    EXPECT_EQ(wrong, 0U);
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers, chains);
    EXPECT_EQ(counts.completions, chains);
    EXPECT_EQ(counts.verified, 2 * chains);
    EXPECT_EQ(counts.chains_lost + counts.completions_lost, 0U);
}

}  // namespace
}  // namespace vutrace::capture
