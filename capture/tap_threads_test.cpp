#include "tap_threads.h"

#include "make_data_path.h"
#include "testing/data_path_fixture.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <string>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;

TEST(NumberOfThreads, IsByPairsOfQueuesAndProcessors) {
    struct Case {
        unsigned wanted;
        std::optional<std::uint64_t> queues;
        unsigned processors;
        unsigned threads;
    };
    for (const Case& one : {Case{0, 8, 2, 1}, Case{0, 8, 4, 2}, Case{0, 8, 64, 4}, Case{0, 256, 64, 4},
                            Case{0, 4, 64, 2}, Case{0, 3, 64, 2}, Case{0, 2, 64, 1}, Case{0, {}, 64, 1},
                            Case{0, 0, 64, 1}, Case{0, 8, 1, 1}, Case{0, 8, 0, 1}, Case{3, 8, 1, 3}, Case{3, 2, 64, 1},
                            Case{3, {}, 1, 3}, Case{99, {}, 1, 16}, Case{16, UINT64_MAX, 1, 16}}) {
        EXPECT_EQ(number_of_threads(one.wanted, one.queues, one.processors), one.threads)
            << one.wanted << " " << one.queues.value_or(0) << " " << one.processors;
    }
    EXPECT_GE(usable_processors(), 1U);
}

// What one thread's data path was told. Read by the test when the threads have ended.
struct Told {
    std::vector<std::uint32_t> requests;
    std::map<std::uint32_t, std::size_t> descriptors;  // by request, open ones
    std::uint64_t features{0};
    unsigned replies{0};
    unsigned released{0};
    unsigned ended{0};
    bool stale{false};  // after the last message
};

class ToldDataPath final : public DataPath {
  public:
    ToldDataPath(Told& told, const session::DeviceState& state, std::shared_future<void> gate)
        : told_(told), state_(state), gate_(std::move(gate)) {}
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}
    void before_reply(const protocol::Header&, ByteView) override { ++told_.replies; }
    void release_memory() override { ++told_.released; }
    void forwarded(ForwardedMessage message, const session::Change&) override {
        told_.requests.push_back(message.header.request);
        for (const FileDescriptor& descriptor : *message.descriptors) {
            told_.descriptors[message.header.request] += descriptor ? 1U : 0U;
        }
        told_.features = state_.features().value_or(0);
        told_.stale = stale_();
    }
    void follow_translations(const std::function<bool()>& stale) override { stale_ = stale; }
    void session_ended() override {
        gate_.wait();
        ++told_.ended;
    }

  private:
    Told& told_;
    const session::DeviceState& state_;
    std::shared_future<void> gate_;
    std::function<bool()> stale_;
};

class TapThreadsTest : public ::testing::Test {
  protected:
    TapThreadsTest() {
        path_ = std::make_unique<TapThreads>(
            state_, [this](std::optional<std::uint64_t> queues) { return queues_ = queues, threads_; },
            [this](unsigned threads) { return start(threads); }, [](const char* text) { ADD_FAILURE() << text; });
    }

    std::vector<std::unique_ptr<BackgroundDataPath>> start(unsigned count) {
        started_ += count;
        told_.resize(count);
        std::vector<std::unique_ptr<BackgroundDataPath>> all;
        for (unsigned i = 0; i < count; ++i) {
            auto one = BackgroundDataPath::start(
                [this, i](EventLoop&, const session::DeviceState& state) {
                    return std::make_unique<ToldDataPath>(told_[i], state, gate_);
                },
                [](const char* what) { ADD_FAILURE() << what; }, false, count);
            EXPECT_TRUE(one);
            all.push_back(std::move(*one));
        }
        return all;
    }
    void send(FrontEndRequest request, const Bytes& payload, std::size_t descriptors = 0) {
        std::vector<FileDescriptor> own;
        std::vector<std::uint32_t> ids;
        for (std::size_t i = 0; i < descriptors; ++i) {
            own.push_back(std::move(*create_event_descriptor()));
            ids.push_back(static_cast<std::uint32_t>(i + 1));
        }
        const protocol::Header header{static_cast<std::uint32_t>(request), protocol::version_1,
                                      static_cast<std::uint32_t>(payload.size())};
        if (request == FrontEndRequest::IOTLB_MSG) {
            path_->before_translation(header);
        }
        const auto change = state_.apply(Side::front_end, header, payload, ids);
        path_->forwarded({Side::front_end, header, payload, &own, &ids}, change);
    }
    void answer(FrontEndRequest request, const Bytes& payload) {
        const protocol::Header header{static_cast<std::uint32_t>(request), protocol::version_1 | protocol::reply_flag,
                                      static_cast<std::uint32_t>(payload.size())};
        path_->before_reply(header, payload);
        const auto change = state_.apply(Side::back_end, header, payload, {});
        std::vector<FileDescriptor> none;
        path_->forwarded({Side::back_end, header, payload, &none, nullptr}, change);
    }
    void kick(std::uint64_t queue) { send(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(queue), 1); }
    static std::uint32_t number(FrontEndRequest request) { return static_cast<std::uint32_t>(request); }

    unsigned threads_{2};
    unsigned started_{0};
    std::optional<std::uint64_t> queues_;
    std::vector<Told> told_;
    std::promise<void> open_;  // sessions end only then
    std::shared_future<void> gate_{open_.get_future().share()};
    session::DeviceState state_;
    std::unique_ptr<TapThreads> path_;
};

TEST_F(TapThreadsTest, BeginWithTheFirstMessageAboutMemoryOrAQueue) {
    send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x40));
    send(FrontEndRequest::GET_QUEUE_NUM, {});
    answer(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(8));
    EXPECT_EQ(started_, 0U);
    kick(2);
    EXPECT_EQ(started_, 2U);
    EXPECT_EQ(queues_, 8U);
    open_.set_value();
    path_.reset();
    const std::vector<std::uint32_t> all{number(FrontEndRequest::SET_FEATURES), number(FrontEndRequest::GET_QUEUE_NUM),
                                         number(FrontEndRequest::GET_QUEUE_NUM),
                                         number(FrontEndRequest::SET_VRING_KICK)};
    for (const Told& told : told_) {
        EXPECT_EQ(told.requests, all) << "each follows the whole session";
        EXPECT_EQ(told.features, 0x40U);
    }
}

TEST_F(TapThreadsTest, AnEventfdGoesToTheOwnerOfItsQueue) {
    for (std::uint64_t queue = 0; queue < 5; ++queue) {
        kick(queue);
    }
    open_.set_value();
    path_.reset();
    EXPECT_EQ(told_[0].descriptors[number(FrontEndRequest::SET_VRING_KICK)], 3U) << "queues 0, 1 and 4";
    EXPECT_EQ(told_[1].descriptors[number(FrontEndRequest::SET_VRING_KICK)], 2U);
}

TEST_F(TapThreadsTest, MemoryGoesToAllAndWhatBelongsToNoQueueToTheFirst) {
    const std::vector<protocol::MemoryRegion> regions{{0, 4096, 0, 0}, {4096, 4096, 4096, 0}};
    send(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false), 2);
    send(FrontEndRequest::SET_LOG_BASE, Bytes(16), 1);
    open_.set_value();
    path_.reset();
    for (Told& told : told_) {
        EXPECT_EQ(told.descriptors[number(FrontEndRequest::SET_MEM_TABLE)], 2U);
    }
    EXPECT_EQ(told_[0].descriptors[number(FrontEndRequest::SET_LOG_BASE)], 1U);
    EXPECT_EQ(told_[1].descriptors[number(FrontEndRequest::SET_LOG_BASE)], 0U);
}

TEST_F(TapThreadsTest, OnlyTheOwnerLooksALastTimeBeforeAQueueEnds) {
    kick(0);
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{3, 7}));
    open_.set_value();
    path_.reset();
    EXPECT_EQ(told_[0].replies, 0U);
    EXPECT_EQ(told_[1].replies, 1U);
}

// Whether they come before the threads are there, begin them, or come later, as messages and as answers.
TEST_F(TapThreadsTest, TranslationsAreStaleOnlyUntilAllThreadsHaveThem) {
    const auto message = protocol::serialise(protocol::Iotlb{0x1000, 0x1000, 0x2000, 3, protocol::Iotlb::update});
    send(FrontEndRequest::IOTLB_MSG, message);
    EXPECT_EQ(started_, 0U);
    kick(0);
    send(FrontEndRequest::IOTLB_MSG, message);
    answer(FrontEndRequest::IOTLB_MSG, protocol::serialise_u64(0));
    open_.set_value();
    path_.reset();
    for (const Told& told : told_) {
        EXPECT_EQ(told.requests.size(), 4U);
        EXPECT_FALSE(told.stale);
    }
}

TEST_F(TapThreadsTest, AllLeaveMemory) {
    kick(0);
    path_->release_memory();
    EXPECT_EQ(told_[0].released, 1U) << "when it comes back they have";
    EXPECT_EQ(told_[1].released, 1U);
    open_.set_value();
}

TEST_F(TapThreadsTest, TheRelayWaitsForAllOfThemTogetherNoLongerThanForOne) {
    threads_ = 8;
    kick(0);
    const auto begin = std::chrono::steady_clock::now();
    path_->session_ended();  // they all hang
    const auto waited = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(waited, BackgroundDataPath::patience);
    EXPECT_LT(waited, 8 * BackgroundDataPath::patience) << "not one after the other";
    open_.set_value();
    path_.reset();
    for (const Told& told : told_) {
        EXPECT_EQ(told.ended, 1U);
    }
}

TEST_F(TapThreadsTest, ASessionThatNeverHadAQueueNeedsNone) {
    send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(1));
    path_->release_memory();
    path_->session_ended();
    path_.reset();
    EXPECT_EQ(started_, 0U);
}

TEST_F(TapThreadsTest, WhatIsKeptForThemIsBounded) {
    for (int i = 0; i < 1000 && started_ == 0; ++i) {
        send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(1));
    }
    EXPECT_EQ(started_, 2U);
    open_.set_value();
}

// The real thing: two queues of two threads, on one ring each of them sees.
class TappedByThreads : public testing::DataPathTest {
  protected:
    void set_up(testing::RingPair& memory) {
        (void)send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0));
        send_memory(memory);
        const std::uint64_t to_user = testing::RingPair::user_address - testing::RingPair::guest_address;
        const auto& ring = memory.layout();
        for (const std::uint32_t queue : {0U, 2U}) {
            (void)send(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{queue, ring.size}));
            (void)send(FrontEndRequest::SET_VRING_ADDR,
                       protocol::serialise(protocol::VringAddress{queue, 0, ring.descriptor + to_user,
                                                                  ring.used + to_user, ring.available + to_user, 0}));
            (void)send(FrontEndRequest::SET_VRING_BASE, protocol::serialise(protocol::VringState{queue, 0}));
            (void)send(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(queue),
                       one(std::move(*create_event_descriptor())));
        }
    }
    std::map<std::uint16_t, std::vector<std::uint16_t>> indices_by_queue() const {
        std::map<std::uint16_t, std::vector<std::uint16_t>> all;
        for (const auto& record : recorder.all<trace::ChainRecord>()) {
            for (const trace::ChainEntry& entry : record.entries) {
                if (entry.state == trace::ChainEntry::State::available) {
                    all[record.queue].push_back(entry.index);
                }
            }
        }
        return all;
    }
};

TEST_F(TappedByThreads, EachQueueIsRecordedInOrderByItsOwn) {
    constexpr std::uint16_t chains = 2000;
    testing::RingPair ring(256);
    DataPathOptions options;
    options.threads = 2;
    options.budget = 1;
    options.lowest_priority = false;
    path = make_data_path(options, 1, recorder, loop, state);
    ring.put<std::uint16_t>(ring.layout().used, virtio::used_no_notify);  // polled: nobody has to kick
    set_up(ring);
    for (std::uint16_t i = 0; i < chains; ++i) {
        const auto head = static_cast<std::uint16_t>(i % 256);
        ring.describe_chain(head, {{testing::RingPair::buffers, 16, false}});
        ring.offer(head);
        ring.use(head, 0);
        if (i % 64 == 63) {
            wait_until([&] {
                const auto counts = recorder.counts();
                return counts.offers + counts.chains_lost == 2U * (i + 1U);
            });
        }
    }
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{2, 0}));
    path->session_ended();
    path.reset();
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers + counts.chains_lost, 2U * chains);
    for (const auto& [queue, indices] : indices_by_queue()) {
        EXPECT_TRUE(queue == 0 || queue == 2) << queue;
        EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end())) << queue;
        EXPECT_FALSE(indices.empty());
    }
    EXPECT_EQ(indices_by_queue().size(), 2U);
}

}  // namespace
}  // namespace vutrace::capture
