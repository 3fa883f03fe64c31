// A shared mapping of a file that knows its true extent and alone unmaps it.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <cstddef>
#include <cstdint>

namespace vutrace {

class Mapping {
  public:
    enum class Access : std::uint8_t { read_only, read_write };

    Mapping() noexcept = default;
    Mapping(Mapping&& from) noexcept;
    Mapping& operator=(Mapping&& from) noexcept;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { reset(); }

    // Maps `size` bytes from `offset` of the file, MAP_SHARED. Offset and size need no alignment:
    // both are widened to the file's page size (huge pages for hugetlbfs) and `bytes()` begins at `offset`.
    // The file may be shorter than the range: touching what is not there raises SIGBUS.
    // Errors: usage (size 0, offset + size overflows), system (mmap, fstatfs).
    [[nodiscard]] static Result<Mapping> create(const FileDescriptor& file, std::uint64_t offset, std::uint64_t size,
                                                Access access);

    [[nodiscard]] std::byte* data() const noexcept { return base_ + lead_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] explicit operator bool() const noexcept { return base_ != nullptr; }
    [[nodiscard]] ByteView bytes() const noexcept { return {data(), size_}; }
    void reset() noexcept;

  private:
    std::byte* base_{nullptr};  // as mmap gave it
    std::size_t mapped_{0};     // as munmap wants it
    std::size_t lead_{0};       // from base_ to the first byte asked for
    std::size_t size_{0};
};

}  // namespace vutrace
