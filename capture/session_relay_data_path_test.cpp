// What the relay promises to its data path.
#include "testing/relayed_session.h"

#include <gmock/gmock.h>

#include <stdexcept>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace testing;

class ThrowingDataPath final : public DataPath {
  public:
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {
        throw std::runtime_error("broken");
    }
    void before_reply(const protocol::Header&, ByteView) override { throw std::runtime_error("broken"); }
    void forwarded(ForwardedMessage, const session::Change&) override { throw std::runtime_error("broken"); }
    void session_ended() override { throw std::runtime_error("broken"); }
};

TEST_F(SessionRelayTest, ADataPathThatFailsDoesNotStopTheMessages) {
    start([](const session::DeviceState&) { return std::make_unique<ThrowingDataPath>(); });
    const Files files(1);
    for (unsigned i = 0; i < 3; ++i) {
        const Bytes up = message(12, 9, pattern(8, i));
        ASSERT_TRUE(send_all(front_end_, up, files.numbers(0, 1)));
        EXPECT_EQ(read_message(back_end_), (Message{up, inodes(files.numbers(0, 1))}));
        const Bytes down = message(12, 5, pattern(8, i));
        ASSERT_TRUE(send_all(back_end_, down, {}));
        EXPECT_EQ(read_message(front_end_), (Message{down, {}}));
    }
    stop();
    const auto notes = recorder_.all<trace::NoteRecord>();
    ASSERT_EQ(notes.size(), 1U) << "said once";
    EXPECT_THAT(notes[0].text, HasSubstr("broken"));
}

// Sees what the interface promises, in the order it promises.
class WatchingDataPath final : public DataPath {
  public:
    WatchingDataPath(std::vector<std::string>& calls, const FileDescriptor& replacement,
                     const FileDescriptor& other_side)
        : calls_(calls), replacement_(replacement), other_side_(other_side) {}

    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers) override {
        add("replace", sender, header);
        EXPECT_EQ(received.size(), numbers.size());
        numbers.back() = replacement_.number();
    }
    void before_reply(const protocol::Header& header, ByteView payload) override {
        add("before", Side::back_end, header);
        EXPECT_EQ(payload.size(), header.size);
        pollfd entry{other_side_.number(), POLLIN, 0};
        EXPECT_EQ(::poll(&entry, 1, 0), 0) << "the front-end must not have the reply yet";
    }
    void forwarded(ForwardedMessage message, const session::Change&) override {
        add("forwarded", message.sender, message.header);
        EXPECT_EQ(message.descriptors->size(), message.descriptor_ids->size());
        kept_ = std::move(*message.descriptors);
    }
    void session_ended() override { calls_.emplace_back("ended"); }

  private:
    void add(const char* what, Side sender, const protocol::Header& header) {
        calls_.push_back(std::string(what) + " " + name_of(sender) + " " + std::to_string(header.request));
    }
    std::vector<std::string>& calls_;
    const FileDescriptor& replacement_;
    const FileDescriptor& other_side_;
    std::vector<FileDescriptor> kept_;
};

TEST_F(SessionRelayTest, TheDataPathReplacesDescriptorsAndSeesRepliesFirst) {
    const Files files(3);
    const FileDescriptor replacement(::memfd_create("replacement", MFD_CLOEXEC));
    std::vector<std::string> calls;
    start([&](const session::DeviceState&) {
        return std::make_unique<WatchingDataPath>(calls, replacement, front_end_);
    });
    const Bytes up = message(12, 9, pattern(8, 1));
    ASSERT_TRUE(send_all(front_end_, up, files.numbers(0, 2)));
    EXPECT_EQ(read_message(back_end_),
              (Message{up, {inode_of(files.numbers(0, 1)[0]), inode_of(replacement.number())}}));
    const Bytes down = message(11, 5, pattern(8, 2));
    ASSERT_TRUE(send_all(back_end_, down, {}));
    EXPECT_EQ(read_message(front_end_), (Message{down, {}}));
    stop();
    EXPECT_THAT(calls, ElementsAre("replace front-end 12", "forwarded front-end 12", "before back-end 11",
                                   "forwarded back-end 11", "ended"));
}

// Has recorded nothing yet when the session ends.
class SlowDataPath final : public DataPath {
  public:
    explicit SlowDataPath(std::function<void()> at_its_end) : at_its_end_(std::move(at_its_end)) {}
    SlowDataPath(const SlowDataPath&) = delete;
    SlowDataPath& operator=(const SlowDataPath&) = delete;
    ~SlowDataPath() override { at_its_end_(); }
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}
    void before_reply(const protocol::Header&, ByteView) override {}
    void forwarded(ForwardedMessage, const session::Change&) override {}
    void session_ended() override {}

  private:
    std::function<void()> at_its_end_;
};

TEST_F(SessionRelayTest, PeersSeeTheEndBeforeTheDataPathIsDone) {
    bool closed = false;
    start([&](const session::DeviceState&) {
        return std::make_unique<SlowDataPath>([&] {
            pollfd entry{back_end_.number(), POLLIN, 0};
            closed = ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
        });
    });
    stop();
    EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace vutrace::capture
