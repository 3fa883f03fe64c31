// Sessions made by hand, written to a trace and replayed against a back-end of the test's choice.
#pragma once

#include "testing.h"
#include "vutrace/replay/replayer.h"

#include <vutrace/session/testing/session_builder.h>

namespace vutrace::replay::testing {

using session::testing::BlockSession;
using session::testing::SessionBuilder;

inline constexpr std::uint64_t buffers = 0x100000;  // guest address

// Messages that every back-end follows without an answer of its own, up to a running queue 0.
inline void begin_session(SessionBuilder& builder, std::uint64_t features = BlockSession::features,
                          std::uint32_t base = 0) {
    using Request = protocol::FrontEndRequest;
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder.set(Request::SET_PROTOCOL_FEATURES, BlockSession::protocol_features);
    builder.set(Request::SET_FEATURES, features);
    std::uint32_t id = 10;
    for (const protocol::MemoryRegion& region : BlockSession::regions()) {
        builder.request(Request::ADD_MEM_REG, protocol::serialise_region(region, false), {id++});
    }
    builder.request(Request::SET_VRING_CALL, protocol::serialise_u64(0), {1});
    BlockSession::start_queue(builder, 0, base);
}

// Writes to the disk, one after the other, from ring index `from` on.
inline void write_blocks(SessionBuilder& builder, std::uint16_t from, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint16_t>(from + i);
        const Bytes data(512, static_cast<std::byte>(index + 1));
        builder.chains(0, {BlockSession::write_request(0, index, index % 64U, buffers, data)});
        builder.chains(0, {session::testing::used_entry(0, index, session::testing::literal(Bytes(1)))});
    }
}

class SessionCases : public ::testing::Test {
  protected:
    Report replay(const SessionBuilder& builder, FileDescriptor socket,
                  std::chrono::milliseconds timeout = std::chrono::milliseconds(20'000)) {
        const std::string path = folder_.file("trace.pcap");
        EXPECT_TRUE(builder.write_to(path));
        const auto preview = preview_trace(path, std::nullopt);
        EXPECT_TRUE(preview) << describe(preview.error());
        ReplayOptions options;
        options.time_scale = 0;
        options.timeout = timeout;
        auto report = Replayer(Connection(std::move(socket)), *preview, options).run(path);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? *report : Report{};
    }
    Report replay_against_block_back_end(const SessionBuilder& builder, bool packed = false) {
        BlockBackendOptions options;
        options.image = create_image(folder_, "disk.img", 2U << 20U);
        options.packed = packed;
        ServedBackend served(options);
        return replay(builder, std::move(served.front_end));
    }
    TemporaryFolder folder_;
};

}  // namespace vutrace::replay::testing
