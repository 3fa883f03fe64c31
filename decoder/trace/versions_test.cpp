#include "vutrace/trace/versions.h"

#include "vutrace/trace/encode.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <zstd.h>

#include <string>

namespace vutrace::trace {
namespace {

TEST(Versions, AreThoseOfTheFormatAndOfTheLibrariesThatAreLoaded) {
    const auto all = versions();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].name, "trace format");
    EXPECT_EQ(all[0].version, std::to_string(format_version));
    EXPECT_NE(std::string(pcap_lib_version()).find("libpcap version " + all[1].version), std::string::npos);
    EXPECT_NE(all[1].version.find('.'), std::string::npos) << all[1].version;
    EXPECT_EQ(all[2].version, ZSTD_versionString());
}

TEST(Versions, AreALineEachBehindTheProgram) {
    const std::string text = versions_text({"vutrace", "1.2.3"});
    EXPECT_EQ(text.rfind("vutrace 1.2.3\ntrace format ", 0), 0U) << text;
    EXPECT_NE(text.find("\nzstd " + std::string(ZSTD_versionString())), std::string::npos) << text;
    EXPECT_EQ(versions_text({}).rfind("trace format ", 0), 0U);
}

}  // namespace
}  // namespace vutrace::trace
