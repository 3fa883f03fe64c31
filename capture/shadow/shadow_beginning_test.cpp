#include "shadow_beginning.h"

#include "../testing/shadowed_ring.h"

#include <gmock/gmock.h>

#include <array>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ShadowedRingTest;

// An in-flight area of one split queue, as libvhost-user lays it out.
class InflightBytes {
  public:
    explicit InflightBytes(std::uint16_t size) : size_(size), bytes_(16 + 16 * std::size_t{size}) {
        store<std::uint16_t>(bytes_, 8, 1);
        store<std::uint16_t>(bytes_, 10, size);
    }
    InflightBytes& taken(std::uint16_t head, std::uint64_t counter) {
        store<std::uint8_t>(bytes_, 16 + 16 * std::size_t{head}, 1);
        store<std::uint64_t>(bytes_, 16 + 16 * std::size_t{head} + 8, counter);
        return *this;
    }
    InflightBytes& used(std::uint16_t index, std::uint16_t last_head) {
        store<std::uint16_t>(bytes_, 12, last_head);
        store<std::uint16_t>(bytes_, 14, index);
        return *this;
    }
    [[nodiscard]] QueuePast past(std::uint16_t base) const {
        return {0, base, protocol::Inflight{bytes_.size(), 0, 1, size_}, bytes_};
    }

  private:
    std::uint16_t size_;
    Bytes bytes_;
};

TEST_F(ShadowedRingTest, ADrainedQueueBeginsAtItsBase) {
    open(16);
    driver->set_indices(7);
    const auto beginning = find_beginning(*rings, {0, 7, std::nullopt, {}});
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->used, 7);
    EXPECT_EQ(beginning->next, 7);
    EXPECT_THAT(beginning->in_flight, IsEmpty());
}

TEST_F(ShadowedRingTest, WithoutAnAreaWhatLiesBeforeTheBaseIsInFlight) {
    open(16);
    driver->set_indices(65535);
    driver->offer(3);
    driver->offer(9);
    const auto beginning = find_beginning(*rings, {0, 1, std::nullopt, {}});
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->used, 65535);
    EXPECT_EQ(beginning->next, 1);
    EXPECT_THAT(beginning->in_flight, ElementsAre(3, 9));
}

// Done again from there, as by a back-end that lost count.
TEST_F(ShadowedRingTest, ABaseBeforeTheUsedIndexIsLeftToTheBackEnd) {
    open(16);
    driver->set_indices(100);
    const auto beginning = find_beginning(*rings, {0, 90, std::nullopt, {}});
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->used, 100);
    EXPECT_EQ(beginning->next, 90);
    EXPECT_THAT(beginning->in_flight, IsEmpty());
}

// A front-end that listens for its back-ends (virtio-user) tells the next one of base 0, and goes on in its ring.
TEST_F(ShadowedRingTest, ABaseThatTheRingHasLeftBehindIsTheUsedIndex) {
    open(16);
    driver->set_indices(100);
    driver->offer(3);
    driver->offer(9);
    const auto beginning = find_beginning(*rings, {0, 0, std::nullopt, {}});
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->used, 100);
    EXPECT_EQ(beginning->next, 100);
    EXPECT_THAT(beginning->in_flight, IsEmpty());
    begin(*beginning);
    queue->serve();
    EXPECT_EQ(recorder.counts().offers, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

// The driver offered 1, 5, 2; the back-end took all, used 5, and was gone. The front-end restarts at the used index.
TEST_F(ShadowedRingTest, TheAreaTellsWhatHasToBeDoneAgain) {
    open(16);
    driver->set_indices(10);
    for (const auto head : std::array<std::uint16_t, 3>{1, 5, 2}) {
        driver->offer(head);
    }
    driver->use(5, 0);
    const auto area = InflightBytes(16).taken(1, 20).taken(2, 22).used(11, 5);
    const auto beginning = find_beginning(*rings, area.past(11));
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->used, 11);
    EXPECT_EQ(beginning->next, 13);
    EXPECT_THAT(beginning->in_flight, ElementsAre(1, 2));
}

TEST_F(ShadowedRingTest, ACompletionThatWasPublishedAndNotNotedIsDone) {
    open(16);
    driver->set_indices(10);
    driver->offer(1);
    driver->offer(5);
    driver->use(5, 0);
    const auto area = InflightBytes(16).taken(1, 20).taken(5, 21).used(10, 5);
    const auto beginning = find_beginning(*rings, area.past(11));
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->next, 12);
    EXPECT_THAT(beginning->in_flight, ElementsAre(1));
}

TEST_F(ShadowedRingTest, AnAreaThatIsAheadOrBehindByMoreIsNotTrusted) {
    open(16);
    driver->set_indices(10);
    driver->offer(1);
    EXPECT_FALSE(find_beginning(*rings, InflightBytes(16).taken(1, 20).used(8, 5).past(10)));
    EXPECT_FALSE(find_beginning(*rings, InflightBytes(16).taken(1, 20).used(11, 5).past(10)));
}

TEST_F(ShadowedRingTest, AnAreaWithNothingInFlightChangesNothing) {
    open(16);
    driver->set_indices(10);
    const auto beginning = find_beginning(*rings, InflightBytes(16).used(3, 0).past(10));
    ASSERT_TRUE(beginning);
    EXPECT_EQ(beginning->next, 10);
}

TEST_F(ShadowedRingTest, ChainsOfAnEarlierLifeAreRecordedAndCompleted) {
    open(16);
    driver->set_indices(10);
    offer(1, "again");
    offer(5, "next");
    const auto beginning = find_beginning(*rings, InflightBytes(16).taken(1, 3).used(10, 0).past(10));
    ASSERT_TRUE(beginning);
    begin(*beginning);
    EXPECT_EQ(queue->take_over(), 1U);
    EXPECT_EQ(device->descriptor(1).address, testing::RingPair::buffers + 256) << "the back-end finds it by its head";
    EXPECT_FALSE(device->take());
    answer(1, "done");
    queue->serve();
    EXPECT_EQ(device->take(), 5);
    answer(5, "too");
    queue->serve();
    EXPECT_EQ(driver->get<std::uint16_t>(driver->layout().used + 2), 12);
    EXPECT_THAT(contents(), ElementsAre("again", "next", "done", "too"));
    EXPECT_EQ(recorder.counts().verified, 4U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

}  // namespace
}  // namespace vutrace::capture
