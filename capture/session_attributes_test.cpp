#include "session_attributes.h"

#include <vutrace/system/unix_socket.h>

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace vutrace::capture {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

TEST(SessionAttributes, TellWhoIsAtTheOtherEnd) {
    const auto pair = create_socket_pair().value();
    trace::SessionRecord record;
    add_peer_attributes(record, Side::back_end, {Endpoint::Kind::connect, "/run/blk.sock", -1}, pair.first);
    EXPECT_THAT(record.attributes, Contains(Pair("back-end.endpoint", "connect:/run/blk.sock")));
    EXPECT_THAT(record.attributes, Contains(Pair("back-end.pid", std::to_string(::getpid()))));
    EXPECT_THAT(record.attributes, Contains(Pair("back-end.uid", std::to_string(::getuid()))));
    EXPECT_THAT(record.attributes, Contains(Pair("back-end.gid", std::to_string(::getgid()))));
    EXPECT_THAT(record.attributes,
                Contains(Pair("back-end.executable", std::filesystem::read_symlink("/proc/self/exe"))));
    EXPECT_THAT(record.attributes, Contains(Key("back-end.command")));
}

TEST(SessionAttributes, LeaveOutWhatIsNotKnown) {
    trace::SessionRecord record;
    add_peer_attributes(record, Side::front_end, {Endpoint::Kind::listen, "/run/vm.sock", -1}, FileDescriptor{});
    EXPECT_THAT(record.attributes, Contains(Key("front-end.endpoint")));
    EXPECT_THAT(record.attributes, Not(Contains(Key("front-end.pid"))));
}

TEST(SessionAttributes, KeepACommandLineFromMovingTheCursor) {
    EXPECT_EQ(without_control_characters("a\x1b[2Jb\nc\x7f \xc3\xa9"), "a?[2Jb?c? \xc3\xa9");
}

}  // namespace
}  // namespace vutrace::capture
