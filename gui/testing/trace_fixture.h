// Fixture: the trace of a block device in a file.
#pragma once

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <QString>
#include <filesystem>
#include <string>

namespace vutrace::gui::testing {

constexpr int patience = 20000;  // milliseconds

class TraceFixture : public ::testing::Test {
  protected:
    explicit TraceFixture(const char* name = "gui_models")
        : path_(::testing::TempDir() + name + "." + std::to_string(getpid()) + ".pcap") {}
    void TearDown() override { std::filesystem::remove(path_); }

    // Writes that are used one by one.
    void write_trace(int rounds) {
        using session::testing::BlockSession;
        BlockSession::start(builder_);
        first_chain_ = builder_.last_sequence() + 1;
        for (int i = 0; i < rounds; ++i) {
            const auto index = static_cast<std::uint16_t>(i);
            builder_.chains(0, {BlockSession::write_request(0, index, static_cast<std::uint64_t>(i), 0x100000,
                                                            Bytes(512, std::byte{1}))});
            builder_.chains(0, {session::testing::used_entry(0, index, session::testing::literal(Bytes(1)))});
        }
        ASSERT_TRUE(builder_.write_to(path_));
    }
    [[nodiscard]] QString path() const { return QString::fromStdString(path_); }

    session::testing::SessionBuilder builder_;
    std::uint64_t first_chain_{0};  // its record
    const std::string path_;
};

}  // namespace vutrace::gui::testing
