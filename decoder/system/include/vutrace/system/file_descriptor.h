// One owner for every descriptor. All are close-on-exec from birth.
#pragma once

#include <vutrace/base/error.h>

#include <utility>

namespace vutrace {

class FileDescriptor {
  public:
    FileDescriptor() noexcept = default;
    // Takes ownership of `number`; -1 means none.
    explicit FileDescriptor(int number) noexcept : number_(number) {}
    FileDescriptor(FileDescriptor&& from) noexcept : number_(std::exchange(from.number_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& from) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
    void reset() noexcept;

    // A second descriptor of the same open file description. Error: system (EMFILE, ENFILE).
    [[nodiscard]] Result<FileDescriptor> duplicate() const;

  private:
    int number_{-1};
};

}  // namespace vutrace
