// The fuzzer's seeds in every build, sanitizers included, and that its input is what it says.
#include "scenarios.h"

#include "promises.h"
#include "understanding.h"

#include <gtest/gtest.h>

#include <set>

namespace vutrace::fuzz {
namespace {

std::vector<trace::RecordBody> bodies(const Session& session) {
    std::vector<trace::RecordBody> out;
    for (const trace::Record& record : session.records) {
        out.push_back(record.body);
        if (auto* message = std::get_if<trace::MessageRecord>(&out.back())) {
            for (trace::Descriptor& descriptor : message->descriptors) {
                descriptor = {};  // is made anew
            }
        }
    }
    return out;
}

TEST(Scenarios, EveryOneIsUnderstood) {
    for (const Scenario& scenario : scenarios()) {
        EXPECT_EQ(broken_promise(scenario.session), "") << scenario.name;
        EXPECT_EQ(broken_promise(parse_session(session_bytes(scenario.session))), "") << scenario.name;
    }
}

TEST(Scenarios, NamesAreFileNamesAndDiffer) {
    std::set<std::string> names;
    for (const Scenario& scenario : scenarios()) {
        EXPECT_TRUE(names.insert(scenario.name).second) << scenario.name;
        EXPECT_EQ(scenario.name.find('/'), std::string::npos);
    }
}

TEST(Promises, SafeTextIsUtf8WithoutControlCharacters) {
    for (const char* text : {"", "plain\n", "gr\xc3\xb6\xc3\x9f\x65r", "\xe2\x80\xa6", "\xf0\x9f\x90\x9b"}) {
        EXPECT_TRUE(is_safe_text(text)) << text;
    }
    for (const char* text :
         {"\x1b[m", "\t", "\x7f", "\xc2\x9b", "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
        EXPECT_FALSE(is_safe_text(text)) << text;
    }
}

TEST(Promises, AJsonLineIsOneValueAndANewline) {
    EXPECT_TRUE(is_json_line("{\"a\":1}\n"));
    for (const char* line : {"", "\n", "{}", "{}\n\n", "{\n}\n", "{\"a\":\n", "{\"a\":\"\xff\"}\n"}) {
        EXPECT_FALSE(is_json_line(line)) << line;
    }
}

TEST(SessionBytes, GiveTheSameRecordsAgain) {
    for (const Scenario& scenario : scenarios()) {
        const Session again = parse_session(session_bytes(scenario.session));
        EXPECT_EQ(again.device, scenario.session.device) << scenario.name;
        EXPECT_EQ(bodies(again), bodies(scenario.session)) << scenario.name;
        for (std::size_t i = 0; i < std::min(again.records.size(), scenario.session.records.size()); ++i) {
            EXPECT_EQ(again.records[i].session, scenario.session.records[i].session) << scenario.name;
            EXPECT_EQ(again.records[i].time, scenario.session.records[i].time) << scenario.name;
        }
    }
}

TEST(SessionBytes, CutAMessageWhereItsHeaderSays) {
    const Bytes bytes{std::byte{0},                                             // no device
                      std::byte{1},  std::byte{2},                              // back-end channel, two descriptors
                      std::byte{7},  std::byte{0}, std::byte{0}, std::byte{0},  // code
                      std::byte{1},  std::byte{0}, std::byte{0}, std::byte{0},  // flags
                      std::byte{1},  std::byte{0}, std::byte{0}, std::byte{0},  // size
                      std::byte{99}, std::byte{3}};                             // payload, the next item
    const Session session = parse_session(bytes);
    ASSERT_EQ(session.records.size(), 2U);
    const auto& first = std::get<trace::MessageRecord>(session.records[0].body);
    EXPECT_EQ(first.channel, Channel::back_end);
    EXPECT_EQ(first.sender, Side::front_end);
    EXPECT_EQ(first.descriptors.size(), 2U);
    EXPECT_EQ(first.bytes.size(), 13U);
    EXPECT_FALSE(first.incomplete);
    EXPECT_TRUE(std::get<trace::MessageRecord>(session.records[1].body).incomplete);
}

TEST(SessionBytes, OfAnyKindAreASession) {
    Bytes bytes;
    for (unsigned i = 0; i < 5000; ++i) {
        bytes.push_back(static_cast<std::byte>(i * i >> 3U));
        if (i % 97 == 0) {
            EXPECT_EQ(broken_promise(parse_session(bytes)), "") << i;
        }
    }
}

}  // namespace
}  // namespace vutrace::fuzz
