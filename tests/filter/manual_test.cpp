// The examples of vutrace-filter(7), run on the sample that the page names.
#include <vutrace/filter/filter.h>
#include <vutrace/trace/reader.h>

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace vutrace::filter {
namespace {

struct Example {
    std::string expression;
    std::uint64_t count{0};
};

// The lines of the block below "# EXAMPLES": an expression, blanks, a number.
std::vector<Example> examples() {
    std::ifstream page(VUTRACE_FILTER_MANUAL);
    std::vector<Example> out;
    bool below = false;
    int fences = 0;
    for (std::string line; std::getline(page, line);) {
        below = below || line == "# EXAMPLES";
        if (!below) {
            continue;
        }
        if (line == "```") {
            ++fences;
        } else if (fences == 1) {
            const std::size_t number = line.find_last_of(' ') + 1;
            const std::size_t end = line.find_last_not_of(' ', number - 1) + 1;
            out.push_back({line.substr(0, end), std::stoull(line.substr(number))});
        }
    }
    return out;
}

std::uint64_t count_matches(const Filter& filter) {
    auto reader = trace::Reader::open(VUTRACE_SAMPLES "/qemu-7.2-linux-blk.pcap.zst");
    EXPECT_TRUE(reader);
    explain::Annotator annotator;
    std::uint64_t count = 0;
    for (auto record = reader->next(); record && *record; record = reader->next()) {
        const explain::Annotation& annotation = annotator.annotate(**record);
        for (std::size_t entry = 0; entry < trace::sequence_count(**record); ++entry) {
            count += filter.matches(annotation, entry) ? 1U : 0U;
        }
    }
    return count;
}

TEST(FilterManual, ExamplesPickAsManyRecordsAsItSays) {
    const auto all = examples();
    ASSERT_GE(all.size(), 20U);
    for (const Example& example : all) {
        const auto filter = Filter::compile(example.expression);
        ASSERT_TRUE(filter) << filter.error().text;
        EXPECT_EQ(count_matches(*filter), example.count) << example.expression;
        EXPECT_GT(example.count, 0U) << example.expression << ": an example shows something";
    }
}

}  // namespace
}  // namespace vutrace::filter
