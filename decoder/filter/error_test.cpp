#include <vutrace/filter/filter.h>

#include <gtest/gtest.h>

namespace vutrace::filter {
namespace {

struct Case {
    const char* expression;
    const char* drawn;
};

const Case cases[] = {
    {"quue == 3", R"d(no field "quue"
  quue == 3
  ^~~~ did you mean "queue"?)d"},
    {"queue == 3 and sector == 1", R"d(no field "sector"
  queue == 3 and sector == 1
                 ^~~~~~ did you mean "request.sector"?)d"},
    {"xyzzyxyzzy == 3", R"d(no field "xyzzyxyzzy"
  xyzzyxyzzy == 3
  ^~~~~~~~~~)d"},
    {"request == SET_VRING_KIK", R"d("request" is never "SET_VRING_KIK"
  request == SET_VRING_KIK
             ^~~~~~~~~~~~~ did you mean "SET_VRING_KICK"?)d"},
    {"fd == interrupt", R"d("fd" is never "interrupt"
  fd == interrupt
        ^~~~~~~~~ one of kick, call, err)d"},
    {"payload.features has VERSION_2", R"d("payload.features_names" is never "VERSION_2"
  payload.features has VERSION_2
                       ^~~~~~~~~ did you mean "VERSION_1"?)d"},
    {"payload.type == MIS", R"d("payload.type" is never "MIS"
  payload.type == MIS
                  ^~~ did you mean "MISS"?)d"},
    {"queue = 3", R"d("=" is no operator
  queue = 3
        ^ did you mean "=="?)d"},
    {"seq in 1..=3", R"d("..=" is no operator
  seq in 1..=3
          ^~~ ".." includes both ends already)d"},
    {"queue & 3", R"d("&" is no operator
  queue & 3
        ^ did you mean "&&"?)d"},
    {"queue", R"d("queue" must be compared
  queue
  ^~~~~ or did you mean "has queue"?)d"},
    {"queue 3", R"d(a comparison must stand here, after "queue"
  queue 3
        ^ ==, !=, <, <=, >, >=, in, contains or has)d"},
    {"queue ==", R"d(a value must stand here
  queue ==
          ^)d"},
    {"(queue == 1", R"d(a ")" is missing
  (queue == 1
             ^)d"},
    {"queue == 1)", R"d(this ")" closes nothing
  queue == 1)
            ^)d"},
    {"queue == 1 fd == kick", R"d("and" or "or" must stand before this
  queue == 1 fd == kick
             ^~)d"},
    {"queue == 1 and", R"d(a field must stand here
  queue == 1 and
                ^)d"},
    {"\"queue\" == 1", R"d(a field must stand here, without quotes
  "queue" == 1
  ^~~~~~~)d"},
    {"text == \"open", R"d(the quoted text does not end
  text == "open
          ^ needs a closing ")d"},
    {"text == 'a\\q'", R"d(no such escape
  text == 'a\q'
            ^~ \\ \" \' \n \t \r are)d"},
    {"queue == 1K5", R"d("1K5" is no number
  queue == 1K5
           ^~~ decimal or 0x…, with K, M, G, T or P if you like)d"},
    {"queue == 1.5", R"d("1.5" has a fraction but no unit
  queue == 1.5
           ^~~)d"},
    {"queue == -1", R"d("-1" is negative
  queue == -1
           ^~ queue never is)d"},
    {"seq == 18446744073709551616", R"d("18446744073709551616" is more than 64 bits hold
  seq == 18446744073709551616
         ^~~~~~~~~~~~~~~~~~~~)d"},
    {"seq == 17179869184G", R"d("17179869184G" is more than 64 bits hold
  seq == 17179869184G
         ^~~~~~~~~~~~)d"},
    {"latency > 5K", R"d("5K" is no duration
  latency > 5K
            ^~ a number with ns, us, ms, s, min or h, such as 1.5ms)d"},
    {"time > 2026-02-30", R"d("2026-02-30" is no time
  time > 2026-02-30
         ^~~~~~~~~~ such as 2026-11-22T17:10:05.5Z, or nanoseconds since the epoch)d"},
    {"seq in 5..3", R"d(the range ends before it begins
  seq in 5..3
            ^)d"},
    {"seq in {1, 2", R"d(a "}" is missing
  seq in {1, 2
              ^)d"},
    {"fd in kick..err", R"d("fd" is a name, which has no ranges
  fd in kick..err
        ^~~~)d"},
    {"request < SET_OWNER", R"d("request" is a name, which has no order
  request < SET_OWNER
          ^ ==, != or in)d"},
    {"seq contains 3", R"d("seq" is a number: "contains" is for text
  seq contains 3
      ^~~~~~~~)d"},
    {"seq has 3", R"d("seq" has no flags
  seq has 3
      ^~~)d"},
    {"request contains xyz", R"d(no name of "request" contains "xyz"
  request contains xyz
                   ^~~)d"},
    {"fds == 3", R"d("fds" has parts and no value of its own
  fds == 3
      ^~ has fds, or count(fds))d"},
    {"reply == 1", R"d("reply" is either true or false
  reply == 1
           ^)d"},
    {"count(queue) == 1", R"d("queue" is no list
  count(queue) == 1
        ^~~~~ there is nothing to count)d"},
    {"count(fds)", R"d(a count must be compared
  count(fds)
            ^ such as count(fds) > 1)d"},
    {"raw == xyz", R"d("raw" is bytes
  raw == xyz
         ^~~ two hexadecimal digits each)d"},
    {"payload.features == VERSION_1", R"d("VERSION_1" is no number
  payload.features == VERSION_1
                      ^~~~~~~~~ did you mean "payload.features has VERSION_1"?)d"},
    {"payload.type in {1, MISS}", R"d(numbers and names do not mix in one set
  payload.type in {1, MISS}
                      ^~~~)d"},
    {"text contains \"größer\" and quue == 1", R"d(no field "quue"
  text contains "größer" and quue == 1
                             ^~~~ did you mean "queue"?)d"},
    {"seq\t==\x1b[2J", "this character has no meaning here\n  seq == [2J\n        ^ put text in quotes"},
};

TEST(FilterErrors, ShowThePlaceAndWhatMayHaveBeenMeant) {
    for (const Case& each : cases) {
        const auto filter = Filter::compile(each.expression);
        ASSERT_FALSE(filter) << each.expression;
        EXPECT_EQ(filter.error().text, each.drawn);
        EXPECT_EQ(filter.error().code, ErrorCode::usage);
        EXPECT_TRUE(filter.error().offset);
    }
}

TEST(FilterErrors, ComeInPieces) {
    Problem problem;
    ASSERT_FALSE(Filter::compile("queue == 3 or quue == 3", &problem));
    EXPECT_EQ(problem.text, "no field \"quue\"");
    EXPECT_EQ(problem.offset, 14U);
    EXPECT_EQ(problem.length, 4U);
    EXPECT_EQ(problem.hint, "did you mean \"queue\"?");
}

TEST(FilterErrors, ShowAPartOfALongExpression) {
    std::string expression = "queue == 1";
    for (int i = 0; i < 50; ++i) {
        expression += " or queue == 1";
    }
    const auto filter = Filter::compile(expression + " or quue == 1" + expression);
    ASSERT_FALSE(filter);
    const std::string& text = filter.error().text;
    EXPECT_LT(text.size(), 350U) << text;
    EXPECT_NE(text.find("…"), std::string::npos);
    const std::size_t line = text.find('\n') + 1;
    const std::size_t caret_line = text.find('\n', line) + 1;
    // "…" takes three bytes and one column.
    EXPECT_EQ(text.find("quue", line) - line - 2, text.find('^', caret_line) - caret_line);
}

TEST(FilterErrors, BoundLengthAndDepth) {
    EXPECT_TRUE(Filter::compile(std::string(max_depth, '(') + "seq > 1" + std::string(max_depth, ')')));
    for (const std::string& expression :
         {std::string(max_length + 1, ' '),
          std::string(max_depth + 1, '(') + "seq > 1" + std::string(max_depth + 1, ')'), std::string(max_length, '('),
          std::string(max_length, '"'), "seq in {" + std::string(max_length - 8, '{')}) {
        EXPECT_FALSE(Filter::compile(expression)) << expression.substr(0, 20);
    }
    std::string nots;
    while (nots.size() < 10000) {
        nots += "!";
    }
    EXPECT_TRUE(Filter::compile(nots + "seq > 1")) << "these do not nest";
}

}  // namespace
}  // namespace vutrace::filter
