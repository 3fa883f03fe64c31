#include "vutrace/system/shell_word.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <initializer_list>

namespace vutrace {
namespace {

std::string output_of(const std::string& command) {
    std::FILE* const shell = ::popen(command.c_str(), "r");
    std::string output;
    for (int character = std::fgetc(shell); character != EOF; character = std::fgetc(shell)) {
        output += static_cast<char>(character);
    }
    EXPECT_EQ(::pclose(shell), 0);
    return output;
}

TEST(ShellWord, IsWhatTheShellTakesForTheText) {
    for (const std::string_view text : {"plain", "/run/my disk.sock", "it's", "''", "", "$HOME `id` \\ \"x\" *?[a] ~ #",
                                        "line\n", "é", "a;b&c|d<e>f(g)", "--option=a,b:c", "!", "{socket}"}) {
        EXPECT_EQ(output_of("printf %s " + shell_word(text)), text);
    }
}

TEST(ShellWord, QuotesWhatNeedsIt) {
    EXPECT_EQ(shell_word("--datapath"), "--datapath");
    EXPECT_EQ(shell_word("/run/vm-1.sock"), "/run/vm-1.sock");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word("line\n"), "'line\n'");
}

}  // namespace
}  // namespace vutrace
