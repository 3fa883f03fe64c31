#include "json_writer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vutrace::render {
namespace {

TEST(JsonWriter, SeparatesMembersAndElements) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("a").number(1);
    json.key("b").begin_array();
    json.begin_object();
    json.end_object();
    json.signed_number(-2);
    json.null();
    json.boolean(true);
    json.end_array();
    json.key("c").hex(255);
    json.foreign_key("d\"").text("x");
    json.end_object();
    EXPECT_EQ(out, R"({"a":1,"b":[{},-2,null,true],"c":"0xff","d\"":"x"})");
}

TEST(JsonWriter, WritesTextThatParsesBackForEveryByte) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text = {'a', static_cast<char>(byte), 'b'};
        std::string out;
        JsonWriter(out).text(text);
        const auto parsed = nlohmann::json::parse(out).get<std::string>();
        EXPECT_EQ(parsed, byte < 0x80 ? text
                                      : "a\xef\xbf\xbd"
                                        "b")
            << byte;
    }
}

}  // namespace
}  // namespace vutrace::render
