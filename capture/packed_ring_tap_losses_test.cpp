// What a tap on a packed ring did not see, and rings that no correct driver or device writes.
#include "testing/tapped_packed_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

namespace vutrace::capture {
namespace {

using testing::PackedRingTapTest;
using testing::RingPair;
using State = trace::ChainEntry::State;
using trace::Proof;

TEST_F(PackedRingTapTest, CountsAChainThatWasUsedBeforeItWasLookedAt) {
    start(8);
    ring->offer(3, readable());
    ring->use(3, 0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].state, State::used);
    EXPECT_EQ(entries[0].head, 3);
    EXPECT_EQ(entries[0].proof, Proof::absent);
    EXPECT_EQ(recorder.counts().chains_lost, 1U);

    ring->offer(3, readable());
    tap->scan();
    ring->use(3, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 1U) << "it goes on behind the one that was missed";
}

// The head of chain 0 is written over by the completions of 1 and 2, and what is left of it looks like a chain.
TEST_F(PackedRingTapTest, TakesNoRestOfAChainForAChain) {
    start(8);
    ring->offer(0, {{buffer, 4, false}, {buffer, 4, false}, {buffer, 4, true}});
    ring->offer(1, readable());
    ring->offer(2, readable());
    ring->use(1, 0);
    ring->use(2, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 0U);
    EXPECT_EQ(recorder.counts().completions, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 2U);
    ring->offer(5, readable());
    ring->use(0, 4, 3);
    tap->scan();
    ring->use(5, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 4U);
    EXPECT_EQ(recorder.counts().chains_lost, 3U);
    EXPECT_EQ(tap->in_flight(), 0U);
}

TEST_F(PackedRingTapTest, CountsEveryChainOfABatchThatWasUsedBeforeItWasLookedAt) {
    RingTap::Options options;
    options.in_order = true;
    start(8, options);
    for (std::uint16_t id = 0; id < 5; ++id) {
        ring->offer(id, readable());
    }
    ring->use_batch(4, 0, 5);
    tap->scan();
    EXPECT_EQ(recorder.counts().chains_lost, 5U);
    EXPECT_EQ(recorder.counts().completions, 1U) << "the descriptor that stands for all";
    ring->offer(5, readable());
    tap->scan();
    ring->use(5, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 5U);
}

// Chains of 1, 3 and 2 descriptors: those that are counted by descriptor would be 6.
TEST_F(PackedRingTapTest, CountsABatchOfLongerChainsByTheirEnds) {
    RingTap::Options options;
    options.in_order = true;
    start(8, options);
    ring->offer(0, readable());
    ring->offer(1, {{buffer, 4, false}, {buffer, 4, false}, {buffer, 4, false}});
    ring->offer(2, {{buffer, 4, false}, {buffer, 4, false}});
    ring->use_batch(2, 0, 6);
    tap->scan();
    EXPECT_EQ(recorder.counts().chains_lost, 2U) << "the first may be the beginning of the second";
}

TEST_F(PackedRingTapTest, SaysHowManyDescriptorsPassedWhenTheDriverWentAround) {
    start(8);
    for (std::uint16_t i = 0; i < 13; ++i) {
        ring->offer(i % 8, readable());
        ring->use(i % 8, 0);
    }
    tap->scan();
    EXPECT_EQ(recorder.entries().size(), 0U);
    EXPECT_EQ(recorder.counts().chains_lost, 13U);
    EXPECT_EQ(recorder.counts().completions_lost, 13U);
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_NE(gaps[0].reason.find("by 13 descriptors or 16 more"), std::string::npos) << gaps[0].reason;
    EXPECT_NE(gaps[0].reason.find("if none was longer than those seen (1)"), std::string::npos) << "a guess otherwise";

    ring->offer(0, readable());
    tap->scan();
    ring->use(0, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 1U);
    EXPECT_EQ(recorder.counts().chains_lost, 13U);
}

TEST_F(PackedRingTapTest, CountsTheFewestChainsThatTheDescriptorsCanHaveBeen) {
    start(8);
    ring->offer(0, {{buffer, 4, false}, {buffer, 4, false}});
    tap->scan();
    ring->use(0, 0, 2);
    tap->scan();
    for (int i = 0; i < 5; ++i) {
        ring->offer(0, {{buffer, 4, false}, {buffer, 4, false}});
        ring->use(0, 0, 2);
    }
    tap->scan();
    EXPECT_EQ(recorder.counts().chains_lost, 5U);
}

TEST_F(PackedRingTapTest, CountsCompletionsThatWereOverwritten) {
    start(4);
    for (std::uint16_t id = 0; id < 4; ++id) {
        ring->offer(id, readable());
    }
    tap->scan();
    for (std::uint16_t id = 0; id < 4; ++id) {
        ring->use(id, 0);
    }
    ring->offer(0, readable());
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 5U);
    EXPECT_EQ(recorder.counts().completions_lost, 4U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
    ring->use(0, 0);
    ring->offer(1, readable());
    tap->scan();
    ring->use(1, 0);
    tap->scan();
    EXPECT_EQ(recorder.entries().back().head, 1);
    EXPECT_EQ(recorder.entries().back().proof, Proof::verified);
}

TEST_F(PackedRingTapTest, KnowsChainsThatWereInFlightBeforeItBegan) {
    start(8, {}, {2, true});
    ring->offer(6, readable());
    ring->offer(7, readable());
    tap.emplace(RingTap::Options{}, recorder);
    ASSERT_TRUE(tap->place(ring->layout(), mappings));
    tap->start(virtio::PackedBase{{4, true}, {2, true}}.value());
    ring->use(7, 0);
    ring->use(6, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().completions, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
    ring->offer(1, readable());
    ring->use(1, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().chains_lost, 1U);
}

// DPDK writes only the flags of what it read, in order: the length is still the driver's.
TEST_F(PackedRingTapTest, TakesTheLengthOfAUsedDescriptorWithoutWriteForNone) {
    start(8);
    ring->offer(0, readable(106));
    tap->scan();
    auto used = ring->descriptor(0);
    used.flags = virtio::used_flags(true);
    ring->put_descriptor(0, used);
    tap->scan();
    ASSERT_EQ(recorder.entries().size(), 2U);
    EXPECT_EQ(recorder.entries()[1].used_length, 0U);
}

TEST_F(PackedRingTapTest, RecordsAnIdThatIsOfferedTwiceWithoutBeingUsed) {
    start(8);
    ring->offer(0, readable());
    ring->offer(0, readable());
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 2U);
    EXPECT_EQ(tap->in_flight(), 1U);
}

TEST_F(PackedRingTapTest, RecordsWhatIsWrongWithAChain) {
    start(4);
    ring->offer(0, {{buffer, 4, false}, {buffer, 4, false}});
    ring->put_descriptor(1, {buffer, 4, virtio::packed_used, 0});
    tap->scan();
    ASSERT_EQ(recorder.entries().size(), 1U);
    EXPECT_EQ(recorder.entries()[0].problem, static_cast<std::uint16_t>(virtio::ChainProblem::element_not_available));
}

TEST_F(PackedRingTapTest, HoldsOnToNoMoreChainsThanTheRingHasDescriptors) {
    start(2);
    for (std::uint16_t id = 100; id < 110; ++id) {  // all in the same place, as if the device had used some other id
        ring->offer(id, readable());
        tap->scan();
    }
    EXPECT_EQ(recorder.counts().offers, 10U);
    EXPECT_LE(tap->in_flight(), 2U);
    ring->use(109, 0);
    tap->scan();
}

// Zeros read as "used" in the rounds of the wrap counter 0.
TEST_F(PackedRingTapTest, ARingThatWasClearedClaimsNothing) {
    for (const bool wrap : {true, false}) {
        recorder.clear();
        start(8, {}, {3, wrap});
        ring->offer(0, readable());
        ring->offer(1, readable());
        tap->scan();
        ring->clear();
        tap->scan();
        tap->end();
        tap->scan();
        tap->give_up();
        EXPECT_EQ(recorder.counts().offers, 2U);
        EXPECT_EQ(recorder.counts().completions + recorder.counts().completions_lost, 0U) << wrap;
        const auto gaps = recorder.all<trace::GapRecord>();
        ASSERT_EQ(gaps.size(), 1U) << "that nothing can be said of those in flight";
        EXPECT_NE(gaps[0].reason.find("used for something else"), std::string::npos);
        EXPECT_EQ(recorder.counts().chains_lost, 0U);
    }
}

TEST_F(PackedRingTapTest, CountsWhatIsLeftWhenItGivesUp) {
    start(8);
    ring->offer(0, readable());
    tap->scan();
    recorder.clear();
    ring->use(0, 0);
    ring->offer(1, {{buffer, 4, false}, {buffer, 4, true}});
    ring->offer(2, readable());
    tap->give_up();
    EXPECT_EQ(recorder.counts().chains_lost, 2U);
    EXPECT_EQ(recorder.counts().completions_lost, 1U);
    tap->give_up();
    EXPECT_EQ(recorder.counts().chains_lost, 2U) << "once";
    EXPECT_TRUE(recorder.entries().empty());
}

TEST_F(PackedRingTapTest, CopesWithARingOfNoise) {
    std::mt19937 random(7);
    for (const std::uint32_t size : {1U, 2U, 5U, 64U}) {
        RingTap::Options options;
        options.in_order = size % 2 == 0;
        start(size, options);
        for (int look = 0; look < 500; ++look) {
            for (std::uint32_t i = 0; i < size; ++i) {
                if (random() % 3 == 0) {
                    ring->put_descriptor(
                        static_cast<std::uint16_t>(i),
                        {buffer + random() % 8192, static_cast<std::uint32_t>(random() % 64),
                         static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random() % (2 * size))});
                }
            }
            (void)tap->scan();
            EXPECT_LE(tap->in_flight(), size);
        }
        tap->give_up();
    }
}

// Looks at a ring that goes on by any number of chains in between, up to just less than two rounds: with the losses
// every chain is accounted for, and what is recorded is right.
class PackedRingTapBehind : public PackedRingTapTest, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(PackedRingTapBehind, AccountsForEveryChain) {
    const std::uint32_t size = GetParam();
    std::mt19937 random(size);
    for (int run = 0; run < 20; ++run) {
        recorder.clear();
        start(size);
        std::uint64_t offered = 0;
        std::uint64_t used = 0;
        const auto offer = [&] {
            const std::uint64_t place = buffer + offered % size * 64;
            ring->put<std::uint64_t>(place, offered);
            ring->offer(static_cast<std::uint16_t>(offered++ % size), {{place, 8, false}});
        };
        for (int look = 0; look < 100; ++look) {
            const std::uint64_t until = offered + random() % (look % 4 == 0 ? 2 * size - 1 : size / 2 + 1);
            while (offered != until) {
                if (offered - used == size || (offered != used && random() % 2 == 0)) {
                    ring->use(static_cast<std::uint16_t>(used++ % size), 0);
                } else {
                    offer();
                }
            }
            while (tap->scan().entries != 0) {
            }
        }
        while (used != offered) {
            ring->use(static_cast<std::uint16_t>(used++ % size), 0);
        }
        while (tap->scan().entries != 0) {
        }
        const auto counts = recorder.counts();
        EXPECT_EQ(tap->in_flight(), 0U);
        EXPECT_EQ(counts.offers + counts.chains_lost, offered) << run;
        EXPECT_EQ(counts.completions + counts.completions_lost, offered) << run;
        for (const auto& entry : recorder.entries()) {
            if (entry.state == State::available) {
                Bytes bytes(8);
                ASSERT_TRUE(entry.content.read(0, bytes));
                EXPECT_EQ(load<std::uint64_t>(bytes) % size, entry.head);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PackedRingTapBehind, ::testing::Values(2, 3, 7, 64, 100));

// A driver and a device at full speed: whatever is called verified is right.
class PackedRingTapBusy : public PackedRingTapTest, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(PackedRingTapBusy, ProvesNothingWrongAndLosesNoMoreThanThereWas) {
    const std::uint32_t size = GetParam();
    constexpr std::uint64_t chains = 200000;
    start(size);
    std::atomic<std::uint64_t> offered{0};
    std::atomic<std::uint64_t> used{0};
    std::thread device([&] {
        for (std::uint64_t i = 0; i < chains; ++i) {
            while (offered.load(std::memory_order_acquire) == i) {
                std::this_thread::yield();
            }
            ring->use(static_cast<std::uint16_t>(i % size), 8);
            used.store(i + 1, std::memory_order_release);
        }
    });
    std::thread driver([&] {
        for (std::uint64_t i = 0; i < chains; ++i) {
            while (i - used.load(std::memory_order_acquire) >= size) {
                std::this_thread::yield();
            }
            const std::uint64_t place = buffer + i % size * 64;
            ring->put<std::uint64_t>(place, i);
            ring->offer(static_cast<std::uint16_t>(i % size), {{place, 8, false}});
            offered.store(i + 1, std::memory_order_release);
        }
    });
    while (used.load(std::memory_order_acquire) != chains) {
        (void)tap->scan();
    }
    driver.join();
    device.join();
    while (tap->scan().entries != 0) {
    }
    EXPECT_EQ(tap->in_flight(), 0U);
    const auto counts = recorder.counts();
    EXPECT_LE(counts.offers, chains);
    EXPECT_LE(counts.chains_lost, chains);
    EXPECT_LE(counts.completions_lost, chains);
    std::uint64_t last = 0;
    for (const auto& entry : recorder.entries()) {
        if (entry.state == State::available && entry.proof == Proof::verified) {
            Bytes bytes(8);
            ASSERT_TRUE(entry.content.read(0, bytes));
            const auto number = load<std::uint64_t>(bytes);
            EXPECT_EQ(number % size, entry.head);
            EXPECT_GE(number, last) << "in order";
            last = number;
        }
    }
}

// A short ring goes around while the tap looks at it.
INSTANTIATE_TEST_SUITE_P(Sizes, PackedRingTapBusy, ::testing::Values(3, 16, 256, 1000));

}  // namespace
}  // namespace vutrace::capture
