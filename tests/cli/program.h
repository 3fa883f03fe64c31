// Runs the program that was built and gives what it said.
#pragma once

#include <vutrace/trace/records.h>

#include <filesystem>
#include <string>
#include <vector>

namespace vutrace::cli::test {

struct Outcome {
    int status{-1};  // exit status, or -1 where it did not exit by itself
    std::string output;
    std::string errors;
};

// A folder of its own for each test, gone after it.
class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

// `arguments` are a shell's words after the program's name; a pipeline may follow them.
[[nodiscard]] Outcome run(const std::string& arguments, const std::string& environment = "");

void write_trace(const std::string& path, const std::vector<trace::Record>& records);
[[nodiscard]] std::string read_file(const std::string& path);
[[nodiscard]] std::vector<std::string> split_lines(const std::string& text);

}  // namespace vutrace::cli::test
