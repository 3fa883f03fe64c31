#include "background_data_path.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/event_descriptor.h>

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;

// What the inner data path saw. Read by the test only after the background has ended or said that it is done.
struct Seen {
    std::vector<std::string> calls;
    std::vector<std::uint64_t> features;
    std::thread::id thread;
    std::size_t descriptors{0};
};

class InnerDataPath final : public DataPath {
  public:
    InnerDataPath(Seen& seen, const session::DeviceState& state, std::shared_future<void> gate)
        : seen_(seen), state_(state), gate_(std::move(gate)) {
        seen_.thread = std::this_thread::get_id();
    }
    void replace_descriptors(Side /*sender*/, const protocol::Header& /*header*/,
                             const std::vector<FileDescriptor>& /*received*/, std::vector<int>& /*numbers*/) override {
        seen_.calls.emplace_back("replace");
    }
    void before_reply(const protocol::Header& /*header*/, ByteView /*payload*/) override {
        seen_.calls.emplace_back("before_reply");
    }
    void forwarded(ForwardedMessage message, const session::Change& change) override {
        gate_.wait();
        if (message.header.request == 666) {
            throw std::runtime_error("a bug in a decoder");
        }
        seen_.calls.emplace_back(change.features ? "features" : "forwarded");
        seen_.features.push_back(state_.features().value_or(0));
        seen_.descriptors += message.descriptors->size();
    }
    void session_ended() override { seen_.calls.emplace_back("ended"); }

  private:
    Seen& seen_;
    const session::DeviceState& state_;
    std::shared_future<void> gate_;
};

class BackgroundDataPathTest : public testing::Test {
  protected:
    BackgroundDataPathTest() {
        auto started = BackgroundDataPath::start(
            [this](EventLoop& /*loop*/, const session::DeviceState& state) {
                return std::make_unique<InnerDataPath>(seen_, state, gate_.get_future().share());
            },
            [this](const char* what) { failure_ = what; }, false);
        EXPECT_TRUE(started);
        path_ = std::move(*started);
    }

    void forward(std::uint32_t request, const Bytes& payload, std::vector<FileDescriptor> descriptors = {}) {
        const std::vector<std::uint32_t> ids(descriptors.size(), 1);
        path_->forwarded({Side::front_end, {request, protocol::version_1, 8}, payload, &descriptors, &ids}, {});
    }
    void set_features(std::uint64_t features) {
        forward(static_cast<std::uint32_t>(FrontEndRequest::SET_FEATURES), protocol::serialise_u64(features));
    }
    void end_queue() {
        path_->before_reply({static_cast<std::uint32_t>(FrontEndRequest::GET_VRING_BASE), 5, 8},
                            protocol::serialise(protocol::VringState{}));
    }

    Seen seen_;
    std::string failure_;
    std::promise<void> gate_;  // the inner data path handles no message before it opens
    std::unique_ptr<DataPath> path_;
};

TEST_F(BackgroundDataPathTest, DoesInOrderAndWithItsOwnStateWhatWasQueued) {
    set_features(1);
    set_features(2);
    auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    std::vector<FileDescriptor> descriptors;
    descriptors.push_back(std::move(*event));
    forward(0, {}, std::move(descriptors));
    gate_.set_value();
    path_->session_ended();
    path_.reset();
    EXPECT_EQ(seen_.calls, (std::vector<std::string>{"features", "features", "forwarded", "ended"}));
    EXPECT_EQ(seen_.features, (std::vector<std::uint64_t>{1, 2, 2}));
    EXPECT_EQ(seen_.descriptors, 1U);
    EXPECT_NE(seen_.thread, std::this_thread::get_id());
}

TEST_F(BackgroundDataPathTest, LooksALastTimeBeforeAQueueEndsIsAnswered) {
    gate_.set_value();
    end_queue();
    path_.reset();
    EXPECT_EQ(seen_.calls, std::vector<std::string>{"before_reply"});
}

TEST_F(BackgroundDataPathTest, NeverHoldsUpTheRelayForLongerThanItsPatience) {
    set_features(1);
    const auto begin = std::chrono::steady_clock::now();
    end_queue();  // the background hangs in the message before
    EXPECT_GE(std::chrono::steady_clock::now() - begin, BackgroundDataPath::patience);
    EXPECT_TRUE(seen_.calls.empty()) << "it came back before the background was done";
    gate_.set_value();
    path_.reset();
    EXPECT_EQ(seen_.calls, (std::vector<std::string>{"features", "before_reply"}));
}

TEST_F(BackgroundDataPathTest, OutlivesADataPathThatThrows) {
    gate_.set_value();
    set_features(1);
    forward(666, {});
    set_features(2);
    path_->session_ended();
    path_.reset();
    EXPECT_EQ(seen_.calls, std::vector<std::string>{"features"});
    EXPECT_EQ(failure_, "a bug in a decoder");
}

TEST_F(BackgroundDataPathTest, HoldsABoundedNumberOfDescriptors) {
    const auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    const auto open_descriptors = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const auto before = open_descriptors();
    for (int i = 0; i < 5000 && failure_.empty(); ++i) {
        std::vector<FileDescriptor> descriptors;
        descriptors.push_back(std::move(*event->duplicate()));
        forward(0, {}, std::move(descriptors));  // the background hangs in the first
    }
    EXPECT_EQ(failure_, "messages came faster than it could follow");
    EXPECT_LE(open_descriptors(), before + 1);
    end_queue();  // and nothing waits for it any more
    gate_.set_value();
    path_.reset();
    EXPECT_LT(open_descriptors(), before) << "the background's own are closed too";
    EXPECT_EQ(seen_.calls, std::vector<std::string>{"forwarded"});
}

TEST_F(BackgroundDataPathTest, HoldsABoundedNumberOfBytes) {
    const Bytes payload(60'000);
    int sent = 0;
    for (; sent < 5000 && failure_.empty(); ++sent) {
        forward(0, payload);
    }
    EXPECT_LT(sent, 300);
    gate_.set_value();
    path_.reset();
}

}  // namespace
}  // namespace vutrace::capture
