// The bytes of a trace file, plain or compressed with zstd, for libpcap to read as a FILE.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

namespace vutrace::trace {

// One thread. The FILE that `stream` makes refers to the object, which must outlive it and stay where it is. It is
// unbuffered, the buffer is in here: so `position` is exactly what libpcap has taken, and going elsewhere
// needs nothing from libpcap.
class Input {
  public:
    // Error: system.
    [[nodiscard]] static Result<std::unique_ptr<Input>> open(const std::string& path);
    virtual ~Input() = default;
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    // For pcap_fopen_offline; null where there is no memory.
    [[nodiscard]] std::FILE* stream();

    // Copies bytes out, fewer only at the end or at an error, which `problem` then gives.
    std::size_t read(MutableByteView out);
    // Bytes that are there without reading on: at least `size` of them, unless the input ends before. At most a few
    // KiB may be asked for.
    [[nodiscard]] ByteView peek(std::size_t size);

    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] virtual bool can_seek() const noexcept = 0;
    // Only where `can_seek`; clears `problem`.
    void seek(std::uint64_t offset);

    // Bytes of the file when opened, 0 for a pipe.
    [[nodiscard]] std::uint64_t file_size() const noexcept { return file_size_; }
    // system for a read error, torn or bad_input for a compressed file that ends early or is damaged.
    [[nodiscard]] const std::optional<Error>& problem() const noexcept { return problem_; }

  protected:
    explicit Input(std::uint64_t file_size);
    // Some bytes into `out`, which is not empty; 0 at the end and after an error, which goes to `problem_`.
    virtual std::size_t read_some(MutableByteView out) = 0;
    // The next `read_some` gives the bytes from there on.
    virtual void go_to(std::uint64_t offset) = 0;

    std::optional<Error> problem_;

  private:
    [[nodiscard]] ByteView buffered() const noexcept { return ByteView(buffer_).subspan(begin_, end_ - begin_); }

    Bytes buffer_;
    std::size_t begin_{0};
    std::size_t end_{0};
    std::uint64_t position_{0};
    std::uint64_t file_size_;
};

}  // namespace vutrace::trace
