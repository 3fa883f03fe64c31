// The rule that everything else rests on: whatever comes passes as it came, in every mode.
#include "make_data_path.h"
#include "testing/message_stream.h"
#include "testing/relayed_session.h"

#include <gtest/gtest.h>

#include <thread>

namespace vutrace::capture {
namespace {

using namespace testing;

// The files are no eventfds, so that not even `relay` may replace them.
class EveryMode : public SessionRelayTest, public ::testing::WithParamInterface<DataPathOptions> {};

TEST_P(EveryMode, PassesTwentyThousandRandomMessagesUnchangedBothWays) {
    constexpr int count = 20'000;
    const Files files(64);
    recorder_.count_only();
    start([this](const session::DeviceState& state) { return make_data_path(GetParam(), 1, recorder_, loop_, state); });
    const auto stream = [&](Side sender) { return MessageStream(Channel::front_end, sender, files); };
    std::thread front_writer([&] { stream(Side::front_end).write_all(front_end_, count); });
    std::thread back_writer([&] { stream(Side::back_end).write_all(back_end_, count); });
    std::thread front_reader([&] { stream(Side::back_end).expect_all(front_end_, count); });
    stream(Side::front_end).expect_all(back_end_, count);
    front_writer.join();
    back_writer.join();
    front_reader.join();
    stop();
    EXPECT_EQ(relay_->messages(), 2U * count);
}

INSTANTIATE_TEST_SUITE_P(Modes, EveryMode,
                         ::testing::Values(DataPathOptions{DataPathMode::off, MemoryMode::none},
                                           DataPathOptions{DataPathMode::tap, MemoryMode::buffers},
                                           DataPathOptions{DataPathMode::relay, MemoryMode::buffers}));

}  // namespace
}  // namespace vutrace::capture
