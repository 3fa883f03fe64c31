#include "program.h"

#include <vutrace/trace/writer.h>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace vutrace::cli::test {

Folder::Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vutrace-cli-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Outcome run(const std::string& arguments, const std::string& environment) {
    const Folder folder;
    // pipefail: in a pipeline the program's own status counts.
    const std::string command = "set -o pipefail; " + environment + " '" VUTRACE_PROGRAM "' " + arguments;
    const std::string quoted = "bash -c \"$VUTRACE_TEST_COMMAND\" >'" + folder.path("output") + "' 2>'" +
                               folder.path("errors") + "' </dev/null";
    ::setenv("VUTRACE_TEST_COMMAND", command.c_str(), 1);
    const int status = std::system(quoted.c_str());
    Outcome outcome;
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.output = read_file(folder.path("output"));
    outcome.errors = read_file(folder.path("errors"));
    return outcome;
}

void write_trace(const std::string& path, const std::vector<trace::Record>& records) {
    auto writer = trace::Writer::create(path);
    ASSERT_TRUE(writer) << describe(writer.error());
    for (const trace::Record& record : records) {
        const Status status = writer->append(record.time, record.session, record.body);
        ASSERT_TRUE(status) << describe(status.error());
    }
    ASSERT_TRUE(writer->flush());
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

}  // namespace vutrace::cli::test
