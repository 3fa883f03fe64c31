// No command overwrites the trace that it reads, under whatever name.
#include "program.h"
#include "render_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace vutrace::cli::test {
namespace {

using render::test::block_write;
using render::test::TraceBuilder;
using testing::HasSubstr;

class InputTrace : public testing::Test, public testing::WithParamInterface<const char*> {
  protected:
    InputTrace() {
        TraceBuilder builder;
        builder.start_block_device();
        builder.chain(block_write(3, 2048, 512));
        write_trace(trace(), builder.records);
    }
    [[nodiscard]] std::string trace() const { return folder_.path("trace.pcap"); }
    // Another name of the trace, by the parameter.
    [[nodiscard]] std::string other_name() const {
        const std::string kind = GetParam();
        const std::string other = folder_.path("other");
        if (kind == "Symlink") {
            std::filesystem::create_symlink(trace(), other);
        } else if (kind == "HardLink") {
            std::filesystem::create_hard_link(trace(), other);
        } else {
            return kind == "Path" ? folder_.path(".") + "/trace.pcap" : trace();
        }
        return other;
    }

    Folder folder_;
};

TEST_P(InputTrace, IsRefusedAsOutputAndLeftUntouched) {
    const std::string other = other_name();
    const std::string before = read_file(trace());
    ASSERT_FALSE(before.empty());
    const std::string replay = "replay " + trace() + " --backend " + folder_.path("nobody");
    for (const std::string& command :
         {replay + " -w " + other, replay + " --report " + other,
          "memory " + trace() + " --at 1 --address 0 --length 1 --fill-unknown 0 -o " + other}) {
        const Outcome outcome = run(command);
        EXPECT_EQ(outcome.status, 2) << command << "\n" << outcome.errors;
        EXPECT_THAT(outcome.errors, HasSubstr("is the trace that is read"));
        EXPECT_EQ(outcome.output, "") << command;
        EXPECT_TRUE(read_file(trace()) == before) << command;
    }
}

INSTANTIATE_TEST_SUITE_P(Names, InputTrace, testing::Values("Same", "Path", "Symlink", "HardLink"),
                         [](const auto& parameter) { return std::string(parameter.param); });

}  // namespace
}  // namespace vutrace::cli::test
