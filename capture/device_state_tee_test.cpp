// The pipes of a device's state: what goes through arrives unchanged, ends where it ended, and is recorded.
#include "testing/handed_over_channel.h"

#include <vutrace/system/pipe.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

namespace vutrace::capture {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Sees a sender or a receiver that went away; false where nothing of the kind happens in time.
bool becomes(const FileDescriptor& end, short event) {
    pollfd waiting{end.number(), 0, 0};
    return ::poll(&waiting, 1, patience_ms) == 1 && (waiting.revents & event) != 0;
}

void write_all(const FileDescriptor& to, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(to.number(), bytes.data(), bytes.size());
        ASSERT_GT(written, 0);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

Bytes read_to_the_end(const FileDescriptor& from) {
    Bytes all;
    std::array<std::byte, 4096> piece;
    for (ssize_t got = 0; (got = ::read(from.number(), piece.data(), piece.size())) > 0;) {
        all.insert(all.end(), piece.begin(), piece.begin() + got);
    }
    return all;
}

// Who gives the pipe, and which of its ends: all four ways that the specification knows.
struct Way {
    Side giver;
    bool gives_write_end;
};

class DeviceStateTest : public ChannelTest {
  protected:
    DeviceStateTest() { device_state_ = DeviceStatePipes::tee; }

    // What the other side gets for a descriptor that comes with SET_DEVICE_STATE_FD or its reply.
    [[nodiscard]] FileDescriptor give(Side giver, const FileDescriptor& end) const {
        const bool asks = giver == Side::front_end;
        const Bytes sent = message(static_cast<std::uint32_t>(Request::SET_DEVICE_STATE_FD),
                                   asks ? std::uint32_t{protocol::version_1} : reply, pattern(8, 1));
        const std::array numbers{end.number()};
        EXPECT_TRUE(send_all(asks ? front_end_ : back_end_, sent, numbers));
        std::vector<FileDescriptor> received;
        Bytes bytes(sent.size());
        EXPECT_TRUE(receive_exactly(asks ? back_end_ : front_end_, bytes, received, patience_ms));
        EXPECT_EQ(bytes, sent);
        EXPECT_EQ(received.size(), 1U);
        return received.size() == 1 ? std::move(received.front()) : FileDescriptor();
    }
    [[nodiscard]] Bytes recorded() const {
        Bytes all;
        for (const auto& memory : recorder_.all<trace::MemoryRecord>()) {
            EXPECT_EQ(memory.part, trace::MemoryRecord::Part::device_state);
            EXPECT_EQ(memory.address, all.size());
            Bytes bytes(memory.content.size());
            EXPECT_TRUE(memory.content.read(0, bytes));
            all.insert(all.end(), bytes.begin(), bytes.end());
        }
        return all;
    }
};

class DeviceStateWays : public DeviceStateTest, public ::testing::WithParamInterface<Way> {};

TEST_P(DeviceStateWays, ArriveWholeAndEndAndAreRecorded) {
    start();
    Pipe pipe = create_pipe().value();
    FileDescriptor& handed = GetParam().gives_write_end ? pipe.write : pipe.read;
    FileDescriptor& kept = GetParam().gives_write_end ? pipe.read : pipe.write;
    const ino_t original = inode_of(handed.number());
    FileDescriptor got = give(GetParam().giver, handed);
    EXPECT_NE(inode_of(got.number()), original) << "one of ours";
    handed.reset();
    FileDescriptor& sender = GetParam().gives_write_end ? got : kept;
    const FileDescriptor& receiver = GetParam().gives_write_end ? kept : got;

    Bytes state = pattern(1'000'003, 7);
    std::fill(state.begin() + 300'000, state.begin() + 400'000, std::byte{0});
    std::thread writer([&] {
        write_all(sender, state);
        sender.reset();
    });
    EXPECT_EQ(read_to_the_end(receiver), state);
    writer.join();
    expect_main_channel_works();
    stop();
    EXPECT_EQ(recorded(), state);
    const bool saved = (GetParam().giver == Side::front_end) == GetParam().gives_write_end;
    EXPECT_THAT(notes(), ElementsAre(HasSubstr("replaced by one of ours"),
                                     HasSubstr(saved ? "1000003 bytes went from the back-end to the front-end"
                                                     : "1000003 bytes went from the front-end to the back-end")));
}

INSTANTIATE_TEST_SUITE_P(All, DeviceStateWays,
                         ::testing::Values(Way{Side::front_end, true}, Way{Side::front_end, false},
                                           Way{Side::back_end, true}, Way{Side::back_end, false}));

TEST_F(DeviceStateTest, AFullPipeHoldsTheSenderUpAndNotTheSession) {
    start();
    Pipe pipe = create_pipe().value();
    FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    ASSERT_EQ(::fcntl(sender.number(), F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    Bytes sent;
    const Bytes piece = pattern(4096, 3);
    for (int idle = 0; idle < 2;) {  // until both pipes are full, and the session's thread had its turn
        if (::write(sender.number(), piece.data(), piece.size()) > 0) {
            sent.insert(sent.end(), piece.begin(), piece.end());
            idle = 0;
            continue;
        }
        ++idle;
        expect_main_channel_works();
    }
    EXPECT_GE(sent.size(), std::size_t{65536}) << "as much as without us";
    sender.reset();
    EXPECT_EQ(read_to_the_end(pipe.read), sent);
    stop();
    EXPECT_EQ(recorded(), sent);
}

TEST_F(DeviceStateTest, AReceiverThatClosesIsSeenByTheSender) {
    start();
    Pipe pipe = create_pipe().value();
    const FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    pipe.read.reset();
    EXPECT_TRUE(becomes(sender, POLLERR));
    expect_main_channel_works();
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("0 bytes went from the back-end to the front-end; the receiver closed")));
}

// Two pipes hold more than the one that the sender filled and closed.
TEST_F(DeviceStateTest, WhatWaitsWhenTheSessionEndsIsPassedOn) {
    for (const std::size_t size : {5000U, 65536U, 100'000U, 131'072U}) {
        recorder_.clear();
        start();
        Pipe pipe = create_pipe().value();
        FileDescriptor sender = give(Side::front_end, pipe.write);
        pipe.write.reset();
        const Bytes state = pattern(size, 9);
        write_all(sender, state);  // what the first pipe holds; the session's thread makes room in it
        expect_main_channel_works();
        sender.reset();
        stop();
        EXPECT_EQ(read_to_the_end(pipe.read), state) << size;
        EXPECT_EQ(recorded(), state) << size;
        EXPECT_THAT(notes(), Contains(HasSubstr(std::to_string(size) + " bytes went")));
        EXPECT_THAT(recorder_.all<trace::GapRecord>(), IsEmpty());
    }
}

// A page for each byte: what a pipe holds is counted in pages.
TEST_F(DeviceStateTest, SmallPiecesThatWaitArePassedOnToo) {
    start();
    Pipe pipe = create_pipe().value();
    FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    ASSERT_EQ(::fcntl(sender.number(), F_SETFL, O_WRONLY | O_NONBLOCK | O_DIRECT), 0);
    Bytes sent;
    const Bytes piece = pattern(3, 3);
    for (int idle = 0; idle < 2;) {
        if (::write(sender.number(), piece.data(), piece.size()) > 0) {
            sent.insert(sent.end(), piece.begin(), piece.end());
            idle = 0;
            continue;
        }
        ++idle;
        expect_main_channel_works();
    }
    sender.reset();
    stop();
    EXPECT_EQ(read_to_the_end(pipe.read), sent);
    EXPECT_EQ(recorded(), sent);
}

TEST_F(DeviceStateTest, GoesOnAfterTheSessionEndedInTheMiddle) {
    start();
    const std::size_t before = open_descriptors();
    Pipe pipe = create_pipe().value();
    FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    const Bytes state = pattern(1'000'003, 5);
    std::thread writer([&] {
        write_all(sender, state);
        sender.reset();
    });
    Bytes got(4096);
    ASSERT_EQ(::read(pipe.read.number(), got.data(), got.size()), 4096);
    loop_.stop();
    EXPECT_NE(end_of(back_end_), ErrorCode::bad_input) << "the peers do not wait for it";
    const Bytes rest = read_to_the_end(pipe.read);
    got.insert(got.end(), rest.begin(), rest.end());
    writer.join();
    stop();
    EXPECT_EQ(got, state);
    EXPECT_EQ(recorded(), state);
    EXPECT_THAT(notes(), Contains(HasSubstr("1000003 bytes went from the back-end to the front-end")));
    EXPECT_THAT(recorder_.all<trace::GapRecord>(), IsEmpty());
    pipe.read.reset();
    EXPECT_EQ(open_descriptors(), before - 2) << "less the session's sockets";
}

TEST_F(DeviceStateTest, AReceiverThatClosesAfterTheSessionIsSeenByTheSender) {
    start();
    Pipe pipe = create_pipe().value();
    const FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    loop_.stop();
    EXPECT_NE(end_of(back_end_), ErrorCode::bad_input);
    pipe.read.reset();
    EXPECT_TRUE(becomes(sender, POLLERR));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("the receiver closed")));
    EXPECT_THAT(recorder_.all<trace::GapRecord>(), IsEmpty());
}

TEST_F(DeviceStateTest, WhatHadToBeCutIsCounted) {
    device_state_patience_ = std::chrono::milliseconds{50};
    start();
    const std::size_t before = open_descriptors();
    Pipe pipe = create_pipe().value();
    FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    ASSERT_EQ(::fcntl(sender.number(), F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    std::thread writer([&] {
        sigset_t broken_pipe;
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr), 0);
        const Bytes piece = pattern(4096, 3);
        while (::write(sender.number(), piece.data(), piece.size()) > 0 || errno == EAGAIN) {  // until EPIPE
        }
        sender.reset();
    });
    loop_.stop();
    writer.join();
    stop();
    const Bytes got = read_to_the_end(pipe.read);
    EXPECT_EQ(recorded(), got);
    const auto gaps = recorder_.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_GT(gaps[0].bytes, 0U);
    EXPECT_THAT(gaps[0].reason, HasSubstr("its receiver took nothing more"));
    const auto said = recorder_.all<trace::NoteRecord>();
    EXPECT_EQ(said.back().severity, trace::NoteRecord::Severity::warning);
    EXPECT_THAT(said.back().text, HasSubstr(std::to_string(got.size()) + " bytes went"));
    EXPECT_THAT(said.back().text, HasSubstr(std::to_string(gaps[0].bytes) + " bytes left"));
    pipe.read.reset();
    EXPECT_EQ(open_descriptors(), before - 2) << "less the session's sockets";
}

TEST_F(DeviceStateTest, ASenderThatDoesNothingIsNotWaitedForWithoutEnd) {
    device_state_patience_ = std::chrono::milliseconds{50};
    start();
    Pipe pipe = create_pipe().value();
    FileDescriptor sender = give(Side::front_end, pipe.write);
    pipe.write.reset();
    const Bytes state = pattern(5000, 9);
    write_all(sender, state);
    stop();
    EXPECT_TRUE(becomes(sender, POLLERR)) << "nobody reads it any more";
    EXPECT_EQ(read_to_the_end(pipe.read), state);
    EXPECT_EQ(recorded(), state);
    const auto gaps = recorder_.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].bytes, 0U);
    EXPECT_THAT(gaps[0].reason, HasSubstr("neither went on nor closed"));
    EXPECT_THAT(notes(), Contains(HasSubstr("5000 bytes went from the back-end to the front-end; cut off")));
}

TEST_F(DeviceStateTest, TheReceiverFindsThePipeAsItWasMade) {
    start();
    Pipe pipe = create_pipe(O_NONBLOCK).value();
    const int size = ::fcntl(pipe.write.number(), F_SETPIPE_SZ, 1 << 17);
    ASSERT_GT(size, 0);
    const FileDescriptor got = give(Side::front_end, pipe.write);
    EXPECT_EQ(::fcntl(got.number(), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY | O_NONBLOCK);
    EXPECT_EQ(::fcntl(got.number(), F_GETPIPE_SZ), size);
}

TEST_F(DeviceStateTest, WhatIsNoPipePassesUntouchedAndTheTraceSaysSo) {
    start();
    const Files files(1);
    const FileDescriptor file(::dup(files.numbers(0, 1)[0]));
    EXPECT_EQ(inode_of(give(Side::front_end, file).number()), inode_of(file.number()));
    const auto sockets = create_socket_pair().value();
    EXPECT_EQ(inode_of(give(Side::back_end, sockets.first).number()), inode_of(sockets.first.number()));
    stop();
    EXPECT_THAT(notes(),
                ElementsAre(HasSubstr("untouched: what goes through it is not recorded: the descriptor is no end"),
                            HasSubstr("the descriptor is no end of a pipe")));
}

TEST_F(DeviceStateTest, PassesUntouchedUnlessAsked) {
    device_state_ = DeviceStatePipes::pass;
    start();
    const Pipe pipe = create_pipe().value();
    EXPECT_EQ(inode_of(give(Side::front_end, pipe.write).number()), inode_of(pipe.write.number()));
    stop();
    EXPECT_THAT(recorded(), IsEmpty());
    EXPECT_THAT(notes(), ElementsAre(HasSubstr("--device-state tee")));
}

TEST_F(DeviceStateTest, PipesThatAreDoneLeaveNoDescriptor) {
    start();
    const std::size_t before = open_descriptors();
    for (std::size_t i = 0; i < DeviceStateTee::most_pipes + 2; ++i) {
        Pipe pipe = create_pipe().value();
        FileDescriptor sender = give(Side::front_end, pipe.write);
        EXPECT_NE(inode_of(sender.number()), inode_of(pipe.read.number())) << i;
        pipe.write.reset();
        sender.reset();
        EXPECT_THAT(read_to_the_end(pipe.read), IsEmpty());
    }
    expect_main_channel_works();
    EXPECT_LE(open_descriptors(), before + 2) << "the copies' pipe of the last one, until the next comes";
}

}  // namespace
}  // namespace vutrace::capture
