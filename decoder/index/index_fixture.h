// A trace of a block device in a file, for the tests of this room.
#pragma once

#include "vutrace/index/trace_index.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

namespace vutrace::index::test {

class IndexFixture : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }

    // Two writes offered in one record, a kick, both used in another record, in each round.
    void write_trace(std::uint32_t rounds) {
        using session::testing::BlockSession;
        using session::testing::literal;
        using session::testing::used_entry;
        BlockSession::start(builder_);
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const auto index = static_cast<std::uint16_t>(i * 2);
            const auto next = static_cast<std::uint16_t>(index + 1);
            const Bytes data(64, static_cast<std::byte>(i));
            builder_.chains(0, {BlockSession::write_request(0, index, i, 0x100000, data),
                                BlockSession::write_request(3, next, i, 0x140000, data)});
            builder_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
            builder_.chains(0, {used_entry(3, index, literal(Bytes(1))), used_entry(0, next, literal(Bytes(1)))});
        }
        ASSERT_TRUE(builder_.write_to(path_));
    }

    [[nodiscard]] std::shared_ptr<TraceIndex> make_index(std::uint64_t records_between_checkpoints = 32) const {
        return std::make_shared<TraceIndex>(
            path_, session::CheckpointPolicy{records_between_checkpoints, UINT64_MAX, 1024, UINT64_MAX});
    }

    session::testing::SessionBuilder builder_;
    const std::string path_ = ::testing::TempDir() + "index_test." + std::to_string(getpid()) + ".pcap";
};

}  // namespace vutrace::index::test
