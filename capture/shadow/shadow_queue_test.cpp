#include "shadow_queue.h"

#include "../testing/shadowed_ring.h"

#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using testing::RingPair;
using testing::ShadowedRingTest;
using State = trace::ChainEntry::State;

TEST_F(ShadowedRingTest, MovesAChainAndItsCompletionAndRecordsBoth) {
    open(16);
    offer(4, "request");
    EXPECT_TRUE(queue->serve().kick);
    ASSERT_EQ(device->take(), 4);
    EXPECT_EQ(device->descriptor(4), (virtio::RingDescriptor{RingPair::buffers + 4 * 256, 7, 1, 5}));
    EXPECT_EQ(device->descriptor(5), (virtio::RingDescriptor{RingPair::buffers + 4 * 256 + 128, 16, 2, 0}));
    EXPECT_EQ(queue->in_flight(), 1U);
    answer(4, "answered");
    EXPECT_FALSE(driver->reap()) << "not before it is recorded";
    EXPECT_TRUE(queue->serve().call);
    const auto used = driver->reap();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->next, 4);
    EXPECT_EQ(used->length, 8U);
    EXPECT_FALSE(driver->reap());
    EXPECT_FALSE(queue->serve().found());
    EXPECT_THAT(contents(), ElementsAre("request", "answered"));
    const auto entries = recorder.entries();
    EXPECT_EQ(entries[0].state, State::available);
    EXPECT_EQ(entries[1].state, State::used);
    for (const auto& entry : entries) {
        EXPECT_EQ(entry.proof, trace::Proof::verified);
        EXPECT_EQ(entry.head, 4);
        EXPECT_EQ(entry.index, 0);
    }
    const auto records = recorder.all<trace::ChainRecord>();
    EXPECT_EQ(records[0].fields.available_index, 1);
    EXPECT_EQ(records[1].fields.used_index, 1) << "as the driver finds it";
}

TEST_F(ShadowedRingTest, LeavesIndirectTablesWhereTheyAre) {
    open(16);
    driver->write(RingPair::buffers, "abc");
    driver->describe_indirect(3, RingPair::buffers + 4096,
                              {{RingPair::buffers, 3, false}, {RingPair::buffers + 64, 8, true}});
    driver->offer(3);
    queue->serve();
    EXPECT_EQ(device->take(), 3);
    EXPECT_EQ(device->descriptor(3), (virtio::RingDescriptor{RingPair::buffers + 4096, 32, 4, 0}));
    EXPECT_THAT(contents(), ElementsAre("abc"));
}

TEST_F(ShadowedRingTest, CountsOnWhereIndicesWrap) {
    open(4, {65534, 65534, {}});
    for (std::uint16_t round = 0; round < 20; ++round) {
        const auto head = static_cast<std::uint16_t>(2 * (round % 2));
        offer(head, "x");
        queue->serve();
        ASSERT_EQ(device->take(), head);
        answer(head, "y");
        queue->serve();
        ASSERT_EQ(driver->reap()->next, head);
    }
    EXPECT_EQ(recorder.counts().verified, 40U);
    EXPECT_EQ(recorder.entries().back().index, static_cast<std::uint16_t>(65534 + 19));
}

TEST_F(ShadowedRingTest, AChainWaitsUntilItCanBeRecorded) {
    open(16);
    recorder.set_free_bytes(0);
    offer(0, "a");
    for (int i = 0; i < 3; ++i) {
        const auto progress = queue->serve();
        EXPECT_TRUE(progress.waits);
        EXPECT_FALSE(progress.kick);
        EXPECT_FALSE(device->take());
    }
    recorder.set_free_bytes(64U << 20U);
    EXPECT_TRUE(queue->serve().kick);
    EXPECT_EQ(device->take(), 0);
    recorder.set_free_bytes(0);
    answer(0, "b");
    EXPECT_TRUE(queue->serve().waits);
    EXPECT_FALSE(driver->reap());
    recorder.set_free_bytes(64U << 20U);
    queue->serve();
    EXPECT_TRUE(driver->reap());
    EXPECT_THAT(contents(), ElementsAre("a", "b"));
}

TEST_F(ShadowedRingTest, WaitsNoLongerThanItsPatience) {
    options.patience = std::chrono::milliseconds{0};
    open(16);
    recorder.set_free_bytes(0);
    offer(0, "a");
    EXPECT_FALSE(queue->serve().waits);
    EXPECT_EQ(device->take(), 0);
}

// Completions that always find room must not make offers wait for ever.
TEST_F(ShadowedRingTest, EachDirectionHasItsOwnPatience) {
    options.patience = std::chrono::milliseconds{20};
    options.memory = MemoryMode::buffers;
    open(256);
    std::uint16_t next = 0;
    for (; next < 200; ++next) {
        driver->describe_chain(next, {{RingPair::buffers + next, 1, true}});
        driver->offer(next);
    }
    while (queue->serve().more) {
    }
    offer(next, std::string(1000, 'a'));
    // Room for one completion, not for the chain.
    recorder.set_free_bytes(recorder.largest_record() + 600);
    const auto begun = std::chrono::steady_clock::now();
    std::chrono::milliseconds passed{0};
    std::uint16_t used = 0;
    while (device->available_index() == next && passed < std::chrono::seconds{30}) {
        passed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
        if (used < next && used < passed.count()) {
            device->use(used++, 1);
        }
        (void)queue->serve();
        (void)driver->reap();
    }
    EXPECT_EQ(device->available_index(), next + 1);
    EXPECT_LT(used, next) << "completions came all the time";
}

TEST_F(ShadowedRingTest, GoesOnWhereTheTraceCannotBeWritten) {
    open(16);
    recorder.set_free_bytes(0);
    recorder.set_recording(false);
    offer(0, "a");
    EXPECT_FALSE(queue->serve().waits);
    EXPECT_EQ(device->take(), 0);
    answer(0, "b");
    queue->serve();
    EXPECT_TRUE(driver->reap());
}

TEST_F(ShadowedRingTest, NotifiesByFlagsWithoutEventIndex) {
    open(16);
    offer(0, "a");
    device->set_flags(virtio::used_no_notify);
    EXPECT_FALSE(queue->serve().kick);
    driver->put<std::uint16_t>(driver->layout().available, virtio::available_no_interrupt);
    answer(0, "b");
    EXPECT_FALSE(queue->serve().call);
    rings->want_kicks(false);
    rings->want_calls(false);
    EXPECT_EQ(driver->get<std::uint16_t>(driver->layout().used), virtio::used_no_notify);
    EXPECT_EQ(device->available_flags(), virtio::available_no_interrupt);
    rings->want_kicks(true);
    rings->want_calls(true);
    EXPECT_EQ(driver->get<std::uint16_t>(driver->layout().used), 0);
    EXPECT_EQ(device->available_flags(), 0);
}

TEST_F(ShadowedRingTest, NotifiesOnEmptyWhereTheDriverAskedForIt) {
    for (const bool asked : {false, true}) {
        options.notify_on_empty = asked;
        open(16);
        driver->put<std::uint16_t>(driver->layout().available, virtio::available_no_interrupt);
        offer(0, "a");
        offer(2, "b");
        queue->serve();
        answer(0, "c");
        EXPECT_FALSE(queue->serve().call) << "one is still there";
        answer(2, "d");
        EXPECT_EQ(queue->serve().call, asked);
    }
}

TEST_F(ShadowedRingTest, NotifiesByEventIndex) {
    event_index = true;
    open(16);
    const auto available_event = driver->layout().used + driver->layout().available_event();
    const auto used_event = driver->layout().available + driver->layout().used_event();
    device->set_available_event(1);
    offer(0, "a");
    EXPECT_FALSE(queue->serve().kick) << "only for the second";
    offer(2, "a");
    EXPECT_TRUE(queue->serve().kick);
    driver->put<std::uint16_t>(used_event, 1);
    answer(0, "b");
    EXPECT_FALSE(queue->serve().call);
    answer(2, "b");
    EXPECT_TRUE(queue->serve().call);
    rings->want_kicks(true);
    rings->want_calls(true);
    EXPECT_EQ(driver->get<std::uint16_t>(available_event), 2);
    EXPECT_EQ(device->used_event(), 2);
    EXPECT_EQ(device->available_flags(), 0);
}

TEST_F(ShadowedRingTest, InOrderABatchIsDeliveredAsAWhole) {
    options.in_order = true;
    open(512);
    constexpr std::uint16_t chains = 200;  // more than one record holds
    for (std::uint16_t i = 0; i < chains; ++i) {
        driver->describe_chain(i, {{RingPair::buffers + i, 1, false}});
        driver->offer(i);
    }
    queue->serve();
    queue->serve();
    EXPECT_EQ(device->available_index(), chains);
    device->use_batch(chains - 1, 0, chains);
    const auto index = [&] { return driver->get<std::uint16_t>(driver->layout().used + 2); };
    EXPECT_TRUE(queue->serve().more);
    EXPECT_EQ(index(), 0);
    EXPECT_TRUE(queue->serve().call);
    EXPECT_EQ(index(), chains);
    EXPECT_EQ(driver->reap()->next, chains - 1) << "one element for all";
    EXPECT_EQ(recorder.counts().completions, chains);
    EXPECT_EQ(queue->in_flight(), 0U);
}

TEST_F(ShadowedRingTest, FinishMovesAllCompletionsWithoutWaiting) {
    open(512);
    for (std::uint16_t i = 0; i < 400; ++i) {
        driver->describe_chain(i, {{RingPair::buffers + i, 1, false}});
        driver->offer(i);
    }
    while (queue->serve().more) {
    }
    ASSERT_EQ(device->available_index(), 400);
    recorder.set_free_bytes(0);
    for (std::uint16_t i = 0; i < 400; ++i) {
        device->use(i, 0);
    }
    EXPECT_TRUE(queue->finish(std::chrono::seconds{20}).call);
    EXPECT_EQ(driver->get<std::uint16_t>(driver->layout().used + 2), 400);
}

// It has stopped and takes none: the next one to serve the queue finds them, and they are recorded then.
TEST_F(ShadowedRingTest, FinishLeavesWhatTheBackEndWillNotTake) {
    open(16);
    offer(0, "taken");
    queue->serve();
    offer(2, "left");
    answer(0, "answered");
    EXPECT_TRUE(queue->finish(std::chrono::seconds{20}).call);
    EXPECT_EQ(driver->reap()->next, 0);
    EXPECT_EQ(device->available_index(), 1);
    EXPECT_THAT(contents(), ElementsAre("taken", "answered"));
}

// The back-end has stopped: what it completed and the driver does not see now, it never sees.
TEST_F(ShadowedRingTest, FinishDeliversAllEvenWithoutTimeToRecordIt) {
    for (const bool in_order : {false, true}) {
        options.in_order = in_order;
        recorder.clear();
        open(512);
        constexpr std::uint16_t chains = 400;  // more than one record holds
        for (std::uint16_t i = 0; i < chains; ++i) {
            driver->describe_chain(i, {{RingPair::buffers + i, 1, false}});
            driver->offer(i);
        }
        while (queue->serve().more) {
        }
        ASSERT_EQ(device->available_index(), chains);
        for (std::uint16_t i = 0; i < chains; ++i) {
            device->use(i, 0);
        }
        EXPECT_TRUE(queue->finish(std::chrono::milliseconds{0}).call);
        EXPECT_EQ(driver->get<std::uint16_t>(driver->layout().used + 2), chains);
        const auto counts = recorder.counts();
        EXPECT_LT(counts.completions, chains);
        EXPECT_EQ(counts.completions + counts.completions_lost, chains);
        EXPECT_EQ(queue->in_flight(), 0U);
    }
}

// --- What a side does wrong reaches the other as it is

// Completions may wait for room in the recorder while the front-end names a smaller ring.
TEST_F(ShadowedRingTest, ARingThatGetsSmallerIsNotWrittenBeyondItsEnd) {
    open(512);
    constexpr std::uint16_t chains = 300;
    for (std::uint16_t i = 0; i < chains; ++i) {
        driver->describe_chain(i, {{RingPair::buffers + i, 1, false}});
        driver->offer(i);
    }
    while (queue->serve().more) {
    }
    for (std::uint16_t i = 0; i < chains; ++i) {
        device->use(i, 0);
    }
    ASSERT_TRUE(queue->serve().more) << "not all at once";
    virtio::SplitRingLayout small = driver->layout();
    small.size = 1;
    small.used = RingPair::buffers + 0x10000;
    const std::string behind(4096, '\xee');
    driver->write(small.used + small.used_bytes() - 2, behind);
    ASSERT_TRUE(rings->place(small, mappings));
    for (int i = 0; i < 4; ++i) {
        (void)queue->serve();
    }
    std::string now;
    for (std::size_t i = 0; i < behind.size(); ++i) {
        now.push_back(static_cast<char>(driver->get<std::uint8_t>(small.used + small.used_bytes() - 2 + i)));
    }
    EXPECT_EQ(now, behind);
}

TEST_F(ShadowedRingTest, PassesHeadsAndChainsOnThatCannotBe) {
    open(4);
    driver->offer(9);
    driver->describe(1, {RingPair::buffers, 8, virtio::descriptor_next, 7});
    driver->offer(1);
    driver->describe(2, {RingPair::buffers, 8, virtio::descriptor_next, 2});
    driver->offer(2);
    queue->serve();
    EXPECT_EQ(device->take(), 9);
    EXPECT_EQ(device->take(), 1);
    EXPECT_EQ(device->descriptor(1).next, 7);
    EXPECT_EQ(device->take(), 2);
    EXPECT_EQ(device->descriptor(2).next, 2);
    std::vector<std::uint16_t> problems;
    for (const auto& entry : recorder.entries()) {
        problems.push_back(entry.problem);
    }
    EXPECT_THAT(problems, ElementsAre(1, 2, 3)) << "head, next, loop";
}

TEST_F(ShadowedRingTest, PassesAnIndexOnThatRanAhead) {
    open(4);
    offer(0, "a");
    driver->put<std::uint16_t>(driver->layout().available + 2, 100);
    EXPECT_TRUE(queue->serve().found());
    EXPECT_EQ(device->available_index(), 100);
    EXPECT_EQ(recorder.counts().chains_lost, 100U);
    EXPECT_FALSE(queue->serve().found());
    device->publish_used(50);
    EXPECT_TRUE(queue->serve().found());
    EXPECT_EQ(driver->get<std::uint16_t>(driver->layout().used + 2), 50);
    EXPECT_EQ(recorder.counts().completions_lost, 50U);
    EXPECT_FALSE(queue->serve().found());
}

TEST_F(ShadowedRingTest, PassesCompletionsOnThatNobodyWaitsFor) {
    open(4);
    device->use(1, 8);
    device->use(0xfffff, 8);
    queue->serve();
    EXPECT_EQ(driver->reap()->next, 1);
    EXPECT_EQ(driver->get<std::uint32_t>(driver->layout().used + driver->layout().used_slot(1)), 0xfffffU);
    EXPECT_EQ(recorder.counts().chains_lost, 1U);
    EXPECT_EQ(recorder.counts().completions_lost, 1U);
    EXPECT_EQ(recorder.counts().notes, 1U);
}

TEST_F(ShadowedRingTest, SurvivesMemoryThatVanishes) {
    open(16);
    offer(0, "a");
    queue->serve();
    driver->truncate(0);
    answer(0, "");
    for (int i = 0; i < 5; ++i) {
        (void)queue->serve();
    }
    rings->want_kicks(true);
    EXPECT_FALSE(rings->driver_used_index());
}

TEST_F(ShadowedRingTest, SurvivesNoiseInBothRings) {
    std::mt19937 random(7);
    for (int round = 0; round < 60; ++round) {
        event_index = round % 2 == 0;
        options.in_order = round % 3 == 0;
        open(16);
        for (int step = 0; step < 100; ++step) {
            const auto value = static_cast<std::uint16_t>(random());
            const std::uint64_t offset = random() % 128;
            switch (random() % 4) {
                case 0:
                    driver->put<std::uint16_t>(driver->layout().available + offset / 2 * 2, value);
                    break;
                case 1:
                    driver->put<std::uint16_t>(driver->layout().descriptor + offset * 2, value);
                    break;
                case 2:
                    device->use(value % 20U, value);
                    break;
                default:
                    device->publish_used(static_cast<std::uint16_t>(device->next_use + random() % 40));
            }
            (void)queue->serve();
        }
        const auto progress = queue->finish(std::chrono::seconds{20});
        EXPECT_FALSE(progress.waits);
    }
}

// --- Under load: a driver that polls and gives its buffers to the next chain at once

TEST_F(ShadowedRingTest, LosesNothingToADriverThatPolls) {
    constexpr std::uint32_t chains = 100'000;
    for (const bool events : {false, true}) {
        event_index = events;
        constexpr std::uint32_t most = 256;  // in flight; two descriptors each
        open(2 * most);
        recorder.clear();
        std::atomic<bool> done{false};
        std::atomic<std::uint32_t> wrong{0};
        std::thread device_thread([&] {
            for (std::uint32_t served = 0; served < chains && !done;) {
                const auto head = device->take();
                if (!head) {
                    std::this_thread::yield();
                    continue;
                }
                // Answers with what it was asked, one more.
                const std::uint64_t at = device->descriptor(*head).address;
                driver->put<std::uint32_t>(at + 128, driver->get<std::uint32_t>(at) + 1);
                device->use(*head, 4);
                ++served;
            }
        });
        std::thread driver_thread([&] {
            std::uint32_t offered = 0;
            std::uint32_t reaped = 0;
            while (reaped < chains && !done) {
                if (offered < chains && offered - reaped < most) {
                    const auto head = static_cast<std::uint16_t>(2 * (offered % most));
                    const std::uint64_t at = RingPair::buffers + head * std::uint64_t{256};
                    driver->put<std::uint32_t>(at, offered);
                    driver->describe_chain(head, {{at, 4, false}, {at + 128, 4, true}});
                    driver->offer(head);
                    ++offered;
                }
                if (const auto used = driver->reap()) {
                    const std::uint64_t at = RingPair::buffers + used->next * std::uint64_t{256} + 128;
                    wrong += driver->get<std::uint32_t>(at) == reaped + 1 ? 0U : 1U;
                    driver->put<std::uint32_t>(at, 0xdeadbeef);  // somebody else's at once
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
        std::uint32_t asked = 0;
        std::uint32_t answered = 0;
        for (const auto& entry : recorder.entries()) {
            Bytes bytes(4);
            ASSERT_TRUE(entry.content.read(0, bytes));
            std::uint32_t& next = entry.state == State::available ? asked : answered;
            ASSERT_EQ(load<std::uint32_t>(bytes), next + (entry.state == State::used ? 1 : 0));
            ++next;
        }
    }
}

}  // namespace
}  // namespace vutrace::capture
